import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readStoredDomains, redactStoredDomains } from "../../src/core/xl/stored.js";

const LISTED = `[
    { "domid": 0, "config": { "c_info": { "type": "pv", "name": "Domain-0" } } },
    {
        "domid": 5,
        "config": {
            "c_info": { "type": "pv", "name": "web1", "uuid": "6F1A2B3C-4d5e-4f60-8172-8394a5b6c7d8" },
            "b_info": { "max_memkb": 131072 },
            "disks": [
                { "pdev_path": "/srv/xen/web1.img", "vdev": "xvda1", "backend": "phy", "format": "raw",
                  "readwrite": 1, "discard_enable": "True" },
                { "vdev": "hdc", "backend": "qdisk", "format": "empty", "removable": 1, "is_cdrom": 1 },
                { "pdev_path": "r0", "vdev": "xvdb", "format": "raw", "script": "block-drbd",
                  "backend_domname": "sto" }
            ],
            "nics": [ { "devid": 0, "mac": "00:16:3e:00:00:01" }, { "devid": 1, "mac": "00:16:3e:00:00:02", "backend_domname": "net" },
                { "devid": 2, "backend_domid": 7 }, null ],
            "vfbs": [ { "vnc": { "enable": "True", "passwd": "ge\\"heim" } } ]
        }
    },
    { "domid": 6, "config": { "c_info": { "name": "diskless" } } }
]
`;

describe("the output of xl list -l", () => {
  it("is read with libxl's defaults for what it leaves out", () => {
    expect(readStoredDomains(LISTED).value).toEqual([
      {
        domid: 5,
        name: "web1",
        cards: [
          { devid: 0, mac: "00:16:3e:00:00:01", settled: { mac: "00:16:3e:00:00:01", ip: "" } },
          { devid: 1, mac: "00:16:3e:00:00:02", elsewhere: true, settled: { mac: "00:16:3e:00:00:02", ip: "" } },
          { devid: 2, mac: "", elsewhere: true, settled: { ip: "" } },
          { mac: "", settled: { ip: "" } },
        ],
        settled: {
          type: "pv", maxMemoryKiB: 131072, maxVcpus: 1, kernel: "", ramdisk: "", cmdline: "", bootloader: "",
          onPoweroff: "destroy", onReboot: "destroy", onCrash: "destroy",
        },
        uuid: "6f1a2b3c-4d5e-4f60-8172-8394a5b6c7d8",
        disks: [
          {
            vdev: "xvda1",
            target: "/srv/xen/web1.img",
            format: "raw",
            access: "w",
            cdrom: false,
            backendtype: "phy",
          },
          { vdev: "hdc", target: "", format: "empty", access: "r", cdrom: true, backendtype: "qdisk" },
          {
            vdev: "xvdb",
            target: "r0",
            format: "raw",
            access: "r",
            cdrom: false,
            script: "block-drbd",
            backend: "sto",
          },
        ],
      },
      { domid: 6, cards: [], name: "diskless", uuid: "", disks: [], settled: {} },
    ]);
  });

  it.each([
    "",
    "null",
    "{}",
    "[",
    "[1,null,{}]",
    '[{"domid":1}]',
    '[{"domid":1,"config":{"disks":[null,3]}}]',
  ])("does not throw on %j", (output) => {
    const { value, diagnostics } = readStoredDomains(output);
    expect(value === undefined).toBe(diagnostics.length > 0);
  });

  it("is read as a real guest's was recorded", () => {
    const file = new URL("recorded/xl-list-l-4.17.json", import.meta.url);
    const { stdout } = JSON.parse(readFileSync(file, "utf8")) as { readonly stdout: string };
    expect(readStoredDomains(stdout).value).toEqual([
      {
        domid: 3,
        name: "web1",
        cards: [{ devid: 0, mac: "00:16:3e:4d:00:11", settled: { mac: "00:16:3e:4d:00:11", ip: "10.77.0.11", bridge: "xenbr0" } }],
        settled: {
          type: "pv", memoryKiB: 131072, maxMemoryKiB: 131072, vcpus: 1, maxVcpus: 1,
          kernel: "/boot/guest/vmlinux", ramdisk: "/boot/guest/initrd", cmdline: "root=/dev/xvda1 rw console=hvc0", bootloader: "",
          onPoweroff: "destroy", onReboot: "restart", onCrash: "restart",
        },
        uuid: "5f1a7c52-3d0a-4f5e-9d53-0b6f4c7e1a11",
        disks: [
          { vdev: "xvda1", target: "/srv/xen/web1/disk.img", format: "raw", access: "w", cdrom: false },
          { vdev: "xvda2", target: "/srv/xen/web1/swap.img", format: "raw", access: "w", cdrom: false },
        ],
      },
    ]);
  });

  it("can be recorded without its passwords", () => {
    expect(redactStoredDomains(LISTED)).toBe(LISTED.replace('ge\\"heim', "REDACTED"));
  });

  it("nor with those that are handed to QEMU", () => {
    const extra = ["-object", "secret,id=s0,data=hunter2", "-vnc", "127.0.0.1:1,password=hunter3,x=\"y\"", "-spice", "port=1, passwd = hunter4", "-m", "secret, no password"];
    const output = JSON.stringify({ c_info: { name: "a" }, b_info: { extra, "type.hvm": { vnc: { passwd: "hunter5" } } } }, undefined, 4);
    const redacted = redactStoredDomains(output);
    expect(redacted).not.toContain("hunter");
    expect(JSON.parse(redacted)).toEqual({
      c_info: { name: "a" },
      b_info: {
        extra: ["-object", "secret,id=s0,data=REDACTED", "-vnc", "127.0.0.1:1,password=REDACTED,x=\"y\"", "-spice", "port=1, passwd = REDACTED", "-m", "secret, no password"],
        "type.hvm": { vnc: { passwd: "REDACTED" } },
      },
    });
  });
});
