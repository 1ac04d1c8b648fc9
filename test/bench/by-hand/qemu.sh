# QEMU's own mirror, for a guest whose disk it serves: the guest is not touched.
create_volume "$mib"
read -r begun _ </proc/uptime
python3 - "/run/xen/qmp-libxenstat-$(xl domid web1)" "$image" "$volume" <<'PYTHON'
import json, socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw")
def ask(name, **arguments):
    f.write(json.dumps({"execute": name, "arguments": arguments}) + "\n"); f.flush()
    while True:
        answer = json.loads(f.readline())
        if "error" in answer: raise SystemExit(answer["error"]["desc"])
        if "return" in answer: return answer["return"]
def job(): return [j for j in ask("query-block-jobs") if j["device"] == "plain"]
f.readline(); ask("qmp_capabilities")
nodes = [n for n in ask("query-named-block-nodes") if n["file"] == sys.argv[2] and n["drv"] == "raw"]
size = nodes[0]["image"]["virtual-size"]
ask("blockdev-add", **{"node-name": "plainv", "driver": "raw", "size": size, "offset": 0, "cache": {"direct": True},
    "file": {"driver": "host_device", "filename": sys.argv[3], "cache": {"direct": True}}})
ask("blockdev-mirror", **{"job-id": "plain", "device": nodes[0]["node-name"], "target": "plainv", "sync": "full"})
while not job()[0]["ready"]: time.sleep(0.5)
started = time.monotonic()
ask("block-job-complete", device="plain")
while job(): time.sleep(0.01)
print("downtime %.2f" % (time.monotonic() - started))
PYTHON
sed -i "s#'/srv/xen/web1/disk.img,raw,xvda1,w,backendtype=qdisk'#'phy:$volume,xvda1,w'#" "$config"
