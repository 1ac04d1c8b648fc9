import { expect, test } from "vitest";
import { cloneConfig } from "../../src/core/xl/clone.js";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";
import { editOpened, openConfig } from "../../src/core/xl/edit.js";
import { parseXlConfig } from "../../src/core/xl/parse.js";
import { evaluate, listOf, stringOf } from "../../src/core/xl/settings.js";

const TEXT = `name = "web1"
uuid = "5f1a7c52-3d0a-4f5e-9d53-0b6f4c7e1a11"
memory = 128
vif = [ 'mac=00:16:3e:4d:00:11,bridge=xenbr0' ]
vif += [ 'bridge=backup' ]
pci = [ '01:00.0' ]
vfb = [ 'vnc=1,vncpasswd=s3cret' ]
serial = "tcp::4444,server"
disk = [ 'file:/srv/web1.img,xvda1,w', 'file:/srv/some.iso,xvdd,r' ]
on_reboot = "restart"
vnc = 1`;

function cloned(text: string, isHvm = false) {
  const opened = openConfig({ file: "web1.cfg", text }).value;
  const edited = opened && editOpened(opened, [{ vdev: "xvda1", device: "/dev/vg0/converge-rehearsal-web1-xvda1" }]).value;
  if (opened === undefined || edited === undefined) throw new Error("does not parse");
  const after = cloneConfig("web1", isHvm, opened, edited).after;
  const parsed = parseXlConfig(after).value;
  const config = readDomainConfig("clone.cfg", after, "", 1, "0600").value;
  if (parsed === undefined || config === undefined) throw new Error(`xl would refuse it:\n${after.text}`);
  return { settings: evaluate(parsed), config };
}

test("a clone has another name and UUID, the snapshots, nothing that only one can have, and ends when it ends", () => {
  const { settings, config } = cloned(TEXT);
  expect(config.name).toBe("converge-rehearsal-web1");
  expect(config.uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(config.networkCards).toBe(0);
  expect(config.disks.map(({ target, access }) => [target, access])).toEqual([["/dev/vg0/converge-rehearsal-web1-xvda1", "w"], ["/srv/some.iso", "r"]]);
  for (const key of ["vif", "pci", "vfb"]) expect(listOf(settings, key), key).toEqual([]);
  for (const key of ["on_poweroff", "on_reboot", "on_crash", "on_watchdog", "on_soft_reset"]) expect(stringOf(settings, key), key).toBe("destroy");
  expect(stringOf(settings, "vnc")).toBe("0");
  expect(stringOf(settings, "serial")).toBe("pty");
  expect(stringOf(settings, "memory")).toBe("128");
});

test("an HVM guest's clone has no display of its own either where nothing is said", () => {
  const text = 'name = "web1"\ntype = "hvm"\nmemory = 128\ndisk = [ "file:/srv/web1.img,xvda1,w" ]\n';
  expect(stringOf(cloned(text, true).settings, "vnc")).toBe("0");
  expect(cloned(text).settings.has("vnc")).toBe(false);
});
