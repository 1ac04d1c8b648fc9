import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import { arrayName, mappingName, mappingPath, resourceName } from "../../src/core/model/mapping.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { recover } from "../../src/core/plan/recover.js";
import { simulate, simulateStep, startModel, unroll } from "../../src/core/plan/simulate.js";
import { asWritten } from "../laws/as-written.js";
import { aHost, aWish, sha256, withFullImages } from "../support/a-host.js";
import { complaints } from "../support/a-return.js";

/**
 * A run has laid a device over the image, for the guest's own reboot or to mirror it there, and the guest was then shut down and started
 * from its config. It is on its image, as a refusal advises, and the device is nobody's.
 */

const IMAGE = "/srv/xen/web1/xvda1.img";
const NAMES = { dm: mappingName("web1", "xvda1"), md: arrayName("web1", "xvda1"), drbd: resourceName("web1", "xvda1") } as const;

function hostWith(by: keyof typeof NAMES, running = true): HostState {
  const host = withFullImages(aHost([{ name: "web1", disks: { xvda1: {}, xvda2: {} }, running }]));
  const image = host.images[IMAGE];
  if (image === undefined) throw new Error("no image");
  const { inode, devno, bytes } = image;
  return {
    ...host, mappings: [{ name: NAMES[by], bytes, open: false, table: { kind: "linear", on: IMAGE } }],
    loops: [{ device: "/dev/loop5", backing: IMAGE, inode, devno, offset: 0, readOnly: false, deleted: false, holders: [by === "dm" ? NAMES.dm : `${by}0`] }],
  };
}

const OTHERS = [
  { by: "dm", strategy: "rsync" }, { by: "dm", strategy: "md" }, { by: "md", strategy: "dm" }, { by: "md", strategy: "rsync" }, { by: "drbd", strategy: "dm" }, { by: "md", strategy: "drbd" },
] as const;

describe("a device over an image, which its guest has left", () => {
  test.each(OTHERS.flatMap((one) => [true, false].map((running) => ({ ...one, running }))))("by $by is cleared away before $strategy has the image (up: $running)", ({ by, strategy, running }) => {
    const host = hostWith(by, running);
    const wishes = [aWish("web1", ["xvda1"], { strategy, switch: "restart" })];
    const planned = planHost(host, wishes, sha256);
    expect(complaints(planned)).toEqual([]);
    const [domain] = planned.domains;
    const steps = unroll(domain?.nodes ?? []);
    expect(steps.filter(({ kind }) => kind === "clear-device").map(({ args }) => args)).toEqual([{ name: NAMES[by], image: IMAGE }]);
    // before whatever attaches the image
    expect(steps.findIndex(({ kind }) => kind === "clear-device")).toBeLessThan(steps.findIndex(({ kind }) => kind === "attach-loop"));
    const ran = simulate(domain?.nodes ?? [], startModel(host));
    if (!ran.ok) throw new Error(ran.why);
    expect(ran.end.host.mappings?.filter(({ name }) => name === NAMES[by])).toEqual([]);
    expect(planHost(ran.end.host, wishes, sha256).domains).toEqual([]);
  });

  test.each(["dm", "md", "drbd"] as const)("by %s is gone on with by the same", (strategy) => {
    const [domain] = planHost(hostWith(strategy), [aWish("web1", ["xvda1"], { strategy, switch: "restart" })], sha256).domains;
    expect(unroll(domain?.nodes ?? []).map(({ kind }) => kind)).not.toContain("clear-device");
    expect(domain).toBeDefined();
  });

  test("goes where another disk is moved, too: what its loop is known by would be in the way of that run's end", () => {
    const [domain] = planHost(hostWith("dm"), [aWish("web1", ["xvda2"], { strategy: "rsync" })], sha256).domains;
    expect(unroll(domain?.nodes ?? []).filter(({ kind }) => kind === "clear-device").map(({ args }) => args)).toEqual([{ name: NAMES.dm, image: IMAGE }]);
  });

  test("is no way to another strategy while the guest is on it, or comes up on it", () => {
    const host = hostWith("dm");
    const { web1 } = host.domains;
    if (web1?.running === undefined) throw new Error("it is down");
    const { stored, attached } = web1.running;
    const onto = mappingPath(NAMES.dm);
    const awaits = { ...web1.running, stored: stored.map((disk) => (disk.vdev === "xvda1" ? { ...disk, target: onto } : disk)) };
    const sits = { ...awaits, attached: attached.map((disk) => (disk.vdev === "xvda1" ? { ...disk, params: onto } : disk)) };
    for (const running of [awaits, sits]) {
      const planned = planHost({ ...host, domains: { web1: { ...web1, running } } }, [aWish("web1", ["xvda1"], { strategy: "rsync" })], sha256);
      expect(planned.domains).toEqual([]);
      expect(complaints(planned)).toContain("error[no-strategy-fits]");
    }
  });
});

test.each([
  { by: "dm", strategy: "rsync" }, { by: "dm", strategy: "dm" }, { by: "md", strategy: "rsync" }, { by: "drbd", strategy: "md" },
] as const)("a device by $by over the volume, of a run that died behind its commit, goes once the guest leaves it for the move of another disk by $strategy", ({ by, strategy }) => {
  const host = withFullImages(aHost([{ name: "web1", disks: { xvda1: {}, xvda2: {} } }]));
  const [first] = planHost(host, [aWish("web1", ["xvda1"], { strategy: by, switch: "suspend" })], sha256).domains;
  const steps = unroll(first?.nodes ?? []);
  const started = steps.slice(0, steps.findIndex(({ kind }) => kind.startsWith("retire-")));
  const left = asWritten(recover(started, "web1", started.reduce((at, step) => simulateStep(step, at).model, startModel(host))));
  expect(left.host.mappings).toMatchObject([{ name: NAMES[by], table: { kind: "linear", on: "vg0/web1-xvda1" } }]);
  const wishes = [aWish("web1", ["xvda1", "xvda2"], { strategy, ...(strategy === "rsync" ? {} : { switch: "suspend", finish: "now" }) })];
  const planned = planHost(left.host, wishes, sha256);
  expect(complaints(planned)).toEqual([]);
  const ran = simulate(planned.domains[0]?.nodes ?? [], left);
  if (!ran.ok) throw new Error(ran.why);
  expect(ran.end.host.mappings).toEqual([]);
  expect(planHost(ran.end.host, wishes, sha256).domains).toEqual([]);
});
