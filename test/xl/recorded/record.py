#!/usr/bin/env python3
"""Asks Xen's own parser what it makes of the inputs in libxlutil-*.json, and writes its answers beside them.

Needs Debian's libxenmisc4.17 (it comes with xen-utils-4.17) and python3; no hypervisor.
usage: record.py FILE.json
Texts are latin1: one character a byte. Every question is put to a child process, for some of them end in an assertion.
"""
import ctypes
import json
import os
import subprocess
import sys

lib = ctypes.CDLL("libxlutil.so.4.17")
libc = ctypes.CDLL(None)
P, S, I, L = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_long
libc.fopen.restype, libc.fopen.argtypes, libc.fclose.argtypes = P, [S, S], [P]
lib.xlu_cfg_init.restype, lib.xlu_cfg_init.argtypes = P, [P, S]
lib.xlu_cfg_readdata.argtypes = [P, S, I]
lib.xlu_cfg_get_string.argtypes = [P, S, ctypes.POINTER(S), I]
lib.xlu_cfg_get_long.argtypes = [P, S, ctypes.POINTER(L), I]
lib.xlu_cfg_get_list.argtypes = [P, S, ctypes.POINTER(P), ctypes.POINTER(I), I]
lib.xlu_cfg_get_listitem.restype, lib.xlu_cfg_get_listitem.argtypes = S, [P, I]


class Disk(ctypes.Structure):
    """The first members of libxl_device_disk (libxl_types.idl), and room for the others."""
    _fields_ = [("backend_domid", ctypes.c_uint32), ("backend_domname", S), ("pdev_path", S), ("vdev", S),
                ("backend", I), ("format", I), ("script", S), ("removable", I), ("readwrite", I), ("is_cdrom", I),
                ("direct_io_safe", ctypes.c_bool), ("discard_enable", I), ("specification", I),
                ("others", ctypes.c_char * 512)]


lib.xlu_disk_parse.argtypes = [P, I, ctypes.POINTER(S), ctypes.POINTER(Disk)]
FORMATS = ["unknown", "qcow", "qcow2", "vhd", "raw", "empty", "qed"]
BACKENDS = ["unknown", "phy", "tap", "qdisk", "standalone"]
SPECIFICATIONS = ["unknown", "xen", "virtio"]


def text(value):
    return None if value is None else value.decode("latin1")


def values(config, keys):
    found = {}
    for key in keys:
        string, number, items, count = S(), L(), P(), I()
        name = key.encode()
        if lib.xlu_cfg_get_string(config, name, ctypes.byref(string), 1) == 0:
            found[key] = {"string": text(string.value)}
            if lib.xlu_cfg_get_long(config, name, ctypes.byref(number), 1) == 0:
                found[key]["number"] = number.value
        elif lib.xlu_cfg_get_list(config, name, ctypes.byref(items), ctypes.byref(count), 1) == 0:
            found[key] = {"list": [text(lib.xlu_cfg_get_listitem(items, i)) for i in range(count.value)]}
    return found


def ask(case):
    config = lib.xlu_cfg_init(libc.fopen(b"/dev/null", b"w"), b"case")
    if "config" in case:
        data = case["config"].encode("latin1")
        if lib.xlu_cfg_readdata(config, data, len(data)) != 0:
            return False
        return values(config, case["keys"])
    disk, spec = Disk(), (S * 1)(case["disk"].encode("latin1"))
    if lib.xlu_disk_parse(config, 1, spec, ctypes.byref(disk)) != 0:
        return False
    return {
        "target": text(disk.pdev_path) or "", "vdev": text(disk.vdev), "format": FORMATS[disk.format],
        "backendtype": BACKENDS[disk.backend], "script": text(disk.script) or "",
        "backend": text(disk.backend_domname) or "", "writable": bool(disk.readwrite), "cdrom": bool(disk.is_cdrom),
        "directIoSafe": disk.direct_io_safe, "specification": SPECIFICATIONS[disk.specification],
        "discard": None if disk.discard_enable == 0 else disk.discard_enable > 0,
    }


def ask_child(case):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(write, json.dumps(ask(case)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    # an assertion of the library ends xl too
    return json.loads(said) if said else False


def main(path):
    with open(path, encoding="utf-8") as file:
        book = json.load(file)
    for case in book["cases"]:
        case["xl"] = ask_child(case)
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libxenmisc4.17"],
                             capture_output=True, text=True, check=False).stdout
    if version:
        book["version"] = version
    with open(path, "w", encoding="utf-8") as file:
        rows = ",\n".join(json.dumps(case) for case in book["cases"])
        file.write(f'{{"tool": {json.dumps(book["tool"])}, "version": {json.dumps(book["version"])}, "cases": [\n{rows}\n]}}\n')


main(sys.argv[1])
