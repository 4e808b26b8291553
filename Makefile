# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A convenience over the playbooks and tools; everything here can be typed by hand.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

INVENTORY ?= inventories/two_hosts
# More arguments for ansible-playbook or pytest, e.g. ARGS="--check --diff" or ARGS="-k planner".
ARGS ?=
BY_FILE := --dist loadfile --no-loadscope-reorder
# A selection by ARGS may leave nothing for one of the runs (pytest's status 5).
MAY_BE_EMPTY = $(if $(ARGS),|| [ $$? = 5 ])
# Pulumi's own tools are built with Go; without it only CI insists on the tests that need them.
CAN_PULUMI := $(CI)$(shell command -v go)
WITHOUT := $(if $(CAN_PULUMI),,and not pulumi)
COLLECTION := collections/ansible_collections/strata/kvm_docker

export PYTHON
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Ansible insists on a UTF-8 locale; a fresh machine has none but this one.
export LC_ALL := C.UTF-8

.PHONY: help
help: ## Show this help
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: up
up: root build/.ready-up ## Bring the environments up; again: apply what changed (root)
	@ansible-playbook -i $(INVENTORY) strata.kvm_docker.up $(ARGS)

.PHONY: plan
plan: root build/.ready-up ## Show what "up" would do; change nothing (root)
	@ansible-playbook -i $(INVENTORY) strata.kvm_docker.plan $(ARGS)

.PHONY: drift
drift: root build/.ready-up ## Tell what drifted; fail if something did; change nothing (root)
	@ansible-playbook -i $(INVENTORY) strata.kvm_docker.drift $(ARGS)

.PHONY: fingerprint
fingerprint: root build/.ready-up ## Take the fingerprint of the environments; change nothing of them (root)
	@ansible-playbook -i $(INVENTORY) strata.kvm_docker.fingerprint $(ARGS)

.PHONY: down
down: root build/.ready-up ## Remove the guests, disks and networks (root)
	@ansible-playbook -i $(INVENTORY) strata.kvm_docker.down $(ARGS)

.PHONY: clean
clean: root build/.ready-up ## Do "down", then stop and remove the embedded hypervisor (root)
	@ansible-playbook -i $(INVENTORY) strata.kvm_docker.clean $(ARGS)

.PHONY: test
test: root build/.ready-test ## Run all tests: lint, types, sanity, then everything in tests/ (root)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint types sanity $(and $(CAN_PULUMI),pulumi-tools)
	@pytest -n 4 $(BY_FILE) -m "not alone and not guests $(WITHOUT)" $(ARGS) $(MAY_BE_EMPTY)
	@pytest -n 2 $(BY_FILE) -m "guests $(WITHOUT)" $(ARGS) $(MAY_BE_EMPTY)
	@pytest -m "alone $(WITHOUT)" $(ARGS) $(MAY_BE_EMPTY)

.PHONY: lint
lint: build/.ready-dev ## Check style: ruff, yamllint, ansible-lint
	@ruff check .
	@ruff format --check --quiet . || { ruff format --diff --quiet .; exit 1; }
	@yamllint --strict .
	@ansible-lint --offline -q

.PHONY: types
types: build/.ready-dev ## Check types: mypy --strict
	@mypy $(COLLECTION)/plugins $(COLLECTION)/cli pulumi_program

.PHONY: sanity
sanity: build/.ready-dev ## Run ansible-test sanity on the collection
	@tools/sanity

.PHONY: unit
unit: build/.ready-dev ## Run the tests that need neither root nor a hypervisor
	@pytest -m "not lab and not pulumi" $(ARGS)

.PHONY: molecule
molecule: root build/.ready-test ## Run the Molecule scenarios, ARGS="update drift" only these (root)
	@tools/molecule $(ARGS)

.PHONY: bench
bench: root build/.ready-test ## Measure, and print each figure with its bound (root)
	@python tests/bench/bench.py $(ARGS)

.PHONY: bench-peers
bench-peers: root build/.ready-test ## Measure beside community.docker, community.libvirt and docker compose (root)
	@python tests/bench/peers.py $(ARGS)

.PHONY: bench-pulumi
bench-pulumi: root pulumi-tools build/.ready-test ## Measure Pulumi's program beside Ansible's playbook (root)
	@python tests/bench/stacks.py $(ARGS)

.PHONY: bench-starts
bench-starts: root build/.ready-test ## Measure cold starts, starts on an engine layer, and warm starts (root)
	@python tests/bench/starts.py $(ARGS)

.PHONY: prove
prove: root build/.ready-test ## Prove the fingerprint: identical builds, and changes that it finds (root)
	@python tests/proof/prove.py $(ARGS)

.PHONY: pulumi-tools
pulumi-tools: ## Build Pulumi's CLI and plugins, where its site cannot be reached (root)
	@tools/system-packages pulumi
	@tools/pulumi/build

.PHONY: pulumi-test
pulumi-test: pulumi-tools build/.ready-test ## Run the tests that need Pulumi's CLI and plugins (root)
	@pytest -m pulumi $(ARGS)

.PHONY: pulumi-up
pulumi-up: root build/.ready-pulumi ## Bring the environment up by pulumi_program/ (root)
	@ansible -i $(INVENTORY) hypervisors -m ansible.builtin.import_role -a name=strata.kvm_docker.hypervisor >/dev/null
	@tools/pulumi/run up --yes $(ARGS)

.PHONY: pulumi-down
pulumi-down: root build/.ready-pulumi ## Remove what pulumi-up has made (root)
	@tools/pulumi/run destroy --yes $(ARGS)

.PHONY: root
root:
	@[ "$$(id -u)" = 0 ] || { \
	  echo 'strata: "make $(MAKECMDGOALS)" needs root: it installs packages and starts guests in namespaces of their own.' >&2; \
	  echo 'strata: run it as root, e.g. sudo make $(MAKECMDGOALS). "make lint", "make types" and "make unit" do without.' >&2; \
	  exit 1; }

# Stamps: what a target stands on is made once, and again when its lists change.
PACKAGES := tools/system-packages tools/packages/build
PYTHON_PACKAGES := pyproject.toml tools/venv

build/.ready-up: $(PACKAGES) $(PYTHON_PACKAGES) roles/hypervisor/defaults/main.yml
	@tools/system-packages build hypervisor
	@tools/venv
	@touch $@

build/.ready-pulumi: $(PACKAGES) $(PYTHON_PACKAGES) tools/packages/pulumi roles/hypervisor/defaults/main.yml
	@tools/system-packages build hypervisor pulumi
	@tools/venv pulumi
	@touch $@ build/.ready-up

build/.ready-dev: $(PACKAGES) $(PYTHON_PACKAGES)
	@tools/system-packages build
	@tools/venv dev
	@touch $@

build/.ready-test: $(PACKAGES) $(PYTHON_PACKAGES) tools/packages/test roles/hypervisor/defaults/main.yml
	@tools/system-packages build hypervisor test
	@tools/venv dev
	@touch $@ build/.ready-dev build/.ready-up
