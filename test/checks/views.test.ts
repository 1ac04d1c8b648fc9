import { expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Domain } from "../../src/core/model/domain.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aHost, aVolume, aWish, GIB, sha256 } from "../support/a-host.js";

/** Views of a running guest's disks that look as if they did not agree. */

const DRIVE = { vdev: "hdc", format: "raw", access: "r" as const, cdrom: true };

function errors(change: (web1: Domain) => Domain, more: (state: HostState) => Partial<HostState> = () => ({})): readonly string[] {
  const host = aHost([{ name: "web1", disks: { xvda1: {} } }]);
  const web1 = host.domains["web1"];
  if (web1 === undefined) throw new Error("no guest");
  const state = { ...host, domains: { web1: change(web1) } };
  return planHost({ ...state, ...more(state) }, [aWish("web1", ["xvda1"])], sha256)
    .diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code);
}

const withDrive = (inConfig: string, inStored: string, cdrom = true) => (web1: Domain): Domain => ({
  ...web1,
  ...(web1.config === undefined ? {} : { config: { ...web1.config, disks: [...web1.config.disks, { ...DRIVE, target: inConfig }] } }),
  ...(web1.running === undefined ? {} : { running: { ...web1.running, stored: [...web1.running.stored, { ...DRIVE, cdrom, target: inStored }] } }),
});

test("an ejected CD is no matter", () => {
  expect(errors(withDrive("/srv/install.iso", ""))).toEqual([]);
});

test("a disk of which one says that it is a drive still is one", () => {
  expect(errors(withDrive("/srv/install.iso", "", false))).toEqual(["views-disagree"]);
});

test("one file under two names is one", () => {
  const path = "/srv/xen/web1/xvda1.img";
  const other = "/images/web1.img";
  const two = (inode: number) => errors(
    (web1) => ({ ...web1, ...(web1.running === undefined ? {} : { running: { ...web1.running, stored: web1.running.stored.map((disk) => ({ ...disk, target: other })) } }) }),
    ({ images }) => {
      const image = images[path];
      return image === undefined ? {} : { images: { ...images, [other]: { ...image, path: other, inode } } };
    },
  );
  expect(two(101)).toEqual([]);
  expect(two(999)).toContain("views-disagree");
});

test("a path that is another device's by now is not what the kernel serves, whatever the device is", () => {
  const path = "/dev/md/converge-web1-xvda1";
  const serving = (now: string | undefined) => errors(
    (web1) => ({
      ...web1,
      ...(web1.running === undefined ? {} : {
        running: { ...web1.running, attached: web1.running.attached.map((disk) => ({ ...disk, params: path, backend: "vbd" as const, devno: "9:127" })) },
      }),
    }),
    () => ({
      mappings: [{ name: "md/converge-web1-xvda1", bytes: 1, open: true, table: { kind: "linear", on: "/srv/xen/web1/xvda1.img" } }],
      ...(now === undefined ? {} : { devices: { [path]: { path, realPath: "/dev/md127", devno: now, bytes: 1, content: { type: "blank" }, holders: [] } } }),
    }),
  );
  expect(serving("9:127")).not.toContain("views-disagree");
  expect(serving("9:126")).toContain("views-disagree");
  // nothing is known of that path, and so nothing else either
  expect(serving(undefined)).not.toContain("views-disagree");
});

test("a guest whose image is in the config is not on a device of no image's loop", () => {
  const serving = (devno: string) => errors((web1) => ({
    ...web1,
    ...(web1.running === undefined ? {} : { running: { ...web1.running, attached: web1.running.attached.map((disk) => ({ ...disk, backend: "vbd" as const, devno })) } }),
  }));
  expect(serving("253:77")).toContain("views-disagree");
});

test("a guest that is where its playbook wants it, by its config alone, is not done with", () => {
  const path = "/srv/xen/web1/xvda1.img";
  const edited = (wished: readonly string[], views: readonly ("stored" | "attached")[], more: Partial<HostState> = {}) => {
    const host = aHost([{ name: "web1", disks: { xvda1: {}, xvda2: {} } }]);
    const web1 = host.domains["web1"];
    if (web1?.config === undefined || web1.running === undefined) throw new Error("no guest");
    const volume = "/dev/vg0/web1-xvda1";
    const moved = (target: string): string => (target === path ? volume : target);
    const domain: Domain = {
      ...web1,
      config: { ...web1.config, disks: web1.config.disks.map((disk) => ({ ...disk, target: moved(disk.target) })) },
      running: {
        ...web1.running,
        stored: web1.running.stored.map((disk) => ({ ...disk, target: views.includes("stored") ? disk.target : moved(disk.target) })),
        attached: web1.running.attached.map((disk) => ({ ...disk, params: views.includes("attached") ? disk.params : moved(disk.params) })),
      },
    };
    const volumes = { ...host.volumes, "vg0/web1-xvda1": aVolume("vg0/web1-xvda1", GIB, {}) };
    const { domains, diagnostics } = planHost({ ...host, volumes, domains: { web1: domain }, ...more }, [aWish("web1", wished)], sha256);
    expect(domains).toEqual([]);
    return diagnostics.map(({ code, severity, subject, detail }) => [code, severity, subject?.host, subject?.domain, detail]);
  };
  expect(edited(["xvda1"], [])).toEqual([]);
  const complaint = (stored: string, xenstore: string) => [[
    "views-disagree", "error", "dom0a", "web1",
    `xvda1: /etc/xen/web1.cfg has /dev/vg0/web1-xvda1, xl's stored config ${stored}, xenstore ${xenstore}`,
  ]];
  expect(edited(["xvda1"], ["stored", "attached"])).toEqual(complaint(path, path));
  expect(edited(["xvda1"], ["stored"])).toEqual(complaint(path, "/dev/vg0/web1-xvda1"));
  expect(edited(["xvda1"], ["attached"])).toEqual(complaint("/dev/vg0/web1-xvda1", path));
  // what a playbook does not name stays as it is
  expect(edited([], ["stored", "attached"])).toEqual([]);
});
