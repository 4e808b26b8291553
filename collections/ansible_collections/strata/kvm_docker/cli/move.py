# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``strata export`` and ``strata import``: pieces of the store as one file, to move them between machines."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path

from ansible_collections.strata.kvm_docker.cli.source import is_declaration
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_document
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import resolve
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.engine_layer import layer_for, requests
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.items import items
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.move import export_set, import_set, select


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both to those of ``strata``."""
    text = "write images, layers and archives of the store, with what they stand on, into one file"
    parser = commands.add_parser("export", help=text, description=text)
    words = (
        "path of a declaration: all that its guests need; or the beginning of the digest of a piece, as strata gc "
        "--dry-run lists it, or of its recipe; or 'all'"
    )
    parser.add_argument("pieces", nargs="+", metavar="PIECE", help=words)
    parser.add_argument("file", type=Path, metavar="FILE", help="file to write, e.g. layers.tar.zst")
    _finish(parser, run_export)
    text = "place the pieces of such a file in the store, once all of it was verified"
    parser = commands.add_parser("import", help=text, description=text)
    parser.add_argument("file", type=Path, metavar="FILE", help="file of strata export, of somebody whom you trust")
    _finish(parser, run_import)


def _finish(parser: argparse.ArgumentParser, run: object) -> None:
    parser.add_argument("--state-folder", metavar="FOLDER", help="state folder of the hypervisor (/var/lib/strata)")
    parser.set_defaults(run=run)


def run_export(arguments: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    folders = Folders.of(arguments.state_folder)
    if is_declaration(arguments.file):
        raise StrataError(f"{arguments.file}: this is the name of a declaration. Name the file to write last.")
    every = arguments.pieces == ["all"]
    with image_store.using(folders) if folders.images.is_dir() else nullcontext():
        found = items(folders)
        names = [name for piece in arguments.pieces for name in _names(piece, folders)]
        chosen = [item for item in found if item.kind != "leftover"] if every else select(found, names)
        pieces = export_set(folders, chosen, arguments.file.absolute())
    for piece in pieces:
        print(f"{piece.kind} {piece.name[:12]}")
    print(f"{arguments.file}: {arguments.file.stat().st_size >> 20} MiB")
    return 0


def _names(piece: str, folders: Folders) -> list[str]:
    """Digests of what a declaration needs of the store and is there; else what is given."""
    if not is_declaration(Path(piece)):
        return [piece]
    environment = read_document(Path(piece).absolute()).environment
    inputs = resolve(environment, folders)
    recipes = [recipe for recipe in inputs.guest_images.values() if image_store.resolve(folders, recipe)]
    archives = {image.archive: image for image in inputs.images.values() if image.kind == "recipe" and image.archive}
    layers = (layer_for(folders, request) for request in requests(environment, inputs).values())
    return [
        *dict.fromkeys(recipes),
        *(image.made_from for path, image in archives.items() if path.is_file()),
        *(layer.digest for layer in layers if layer),
    ]


def run_import(arguments: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    for piece, new in import_set(Folders.of(arguments.state_folder), arguments.file.absolute()):
        print(f"{piece.kind} {piece.name[:12]}: {'placed' if new else 'was there'}")
    return 0
