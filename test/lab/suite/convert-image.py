# Makes an image of another format (qcow2, vpc) out of a raw one, by the QEMU that Dom0 has: it has no qemu-img.
#   convert-image.py FORMAT RAW TARGET
import json, subprocess, sys
form, source, target = sys.argv[1:4]
qemu = subprocess.Popen(["/usr/libexec/xen-qemu-system-i386", "-machine", "none", "-accel", "qtest", "-nodefaults", "-display", "none", "-qmp", "stdio"],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
qemu.stdout.readline()
def ask(name, **arguments):
    qemu.stdin.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
    qemu.stdin.flush()
    while True:
        answer = json.loads(qemu.stdout.readline())
        if "error" in answer: sys.exit(name + ": " + answer["error"]["desc"])
        if "return" in answer: return answer["return"]
def finish(job):
    while True:
        found = [j for j in ask("query-jobs") if j["id"] == job][0]
        if found["status"] == "concluded": break
    ask("job-dismiss", id=job)
    if "error" in found: sys.exit(job + ": " + found["error"])
ask("qmp_capabilities")
ask("blockdev-add", **{"node-name": "source", "driver": "raw", "read-only": True, "file": {"driver": "file", "filename": source}})
size = [n for n in ask("query-named-block-nodes") if n["node-name"] == "source"][0]["image"]["virtual-size"]
ask("blockdev-create", **{"job-id": "file", "options": {"driver": "file", "filename": target, "size": 0}})
finish("file")
ask("blockdev-add", **{"node-name": "file", "driver": "file", "filename": target})
more = {"subformat": "dynamic", "force-size": True} if form == "vpc" else {}
ask("blockdev-create", **{"job-id": "format", "options": {"driver": form, "file": "file", "size": size, **more}})
finish("format")
ask("blockdev-add", **{"node-name": "target", "driver": form, "file": "file"})
ask("blockdev-backup", **{"job-id": "copy", "device": "source", "target": "target", "sync": "full", "auto-dismiss": False})
finish("copy")
ask("quit")
qemu.wait()
