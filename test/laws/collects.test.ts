import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diffCollect } from "../../src/core/diff/diff-collect.js";
import type { CollectWish } from "../../src/core/diff/diff-collect.js";
import { volumeTags } from "../../src/core/model/names.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Model } from "../../src/core/model/model.js";
import { guestWrites } from "../../src/core/model/guest.js";
import { withDomain } from "../../src/core/model/transform.js";
import { planCollect } from "../../src/core/plan/plan-collect.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { rebootDom0, recover, startAutostarted } from "../../src/core/plan/recover.js";
import { simulate, simulateStep, startModel, unroll } from "../../src/core/plan/simulate.js";
import { commandLine } from "../../src/edge/cli/rollback-command.js";
import { collected, DAY, NOW, oldRuns, RETIRED_AT, withBooks } from "../support/a-leftover.js";
import { aHost, ext4, MIB, sha256 } from "../support/a-host.js";
import { scenes } from "./generated.js";
import type { Scene } from "./generated.js";
import { expectNothingLeft, expectSafeToStart } from "./holds.js";
import { runs } from "./times.js";

/** Laws over hosts on which images were retired: what goes is what nobody needs, and nothing else. */

const wish: CollectWish = { keepForSeconds: 30 * DAY, now: NOW, at: commandLine("converge gc") };

/** The host after every guest was moved, its images retired, and has written on. */
function retired({ state, wishes }: Scene): Model {
  const retiring = wishes.map((one) => ({
    ...one, move: { ...one.move, source: "retire" as const },
    disks: one.disks.map((disk) => ({ ...disk, move: { ...disk.move, source: "retire" as const } })),
  }));
  let model = startModel(state);
  for (const plan of planHost(state, retiring, sha256).domains) {
    const simulated = simulate(plan.nodes, model);
    if (!simulated.ok) throw new Error(simulated.why);
    model = simulated.end;
  }
  return { ...guestWrites(model), host: withBooks(model.host) };
}

const goneFrom = (before: HostState, after: HostState): readonly string[] => Object.keys(before.images).filter((path) => after.images[path] === undefined);

describe("what is removed", () => {
  test("is past its time, was retired, and is named by nobody; every guest goes on as if nothing had been; the second time finds nothing", () => {
    let removed = 0;
    fc.assert(
      fc.property(scenes, (scene) => {
        let model = retired(scene);
        const begun = model;
        for (const plan of planCollect(model.host, wish, sha256).domains) {
          const simulated = simulate(plan.nodes, model);
          for (const moment of simulated.moments) expectSafeToStart(moment.model, moment.step?.id ?? "before");
          if (!simulated.ok) throw new Error(simulated.why);
          model = simulated.end;
        }
        const gone = goneFrom(begun.host, model.host);
        removed += gone.length;
        const names = (begun.host.retired ?? []).map((one) => one.retired);
        for (const path of gone) {
          expect(names).toContain(path);
          for (const { config, running } of Object.values(begun.host.domains)) {
            const targets = [...(config?.disks ?? []), ...(running?.stored ?? [])].map(({ target }) => target);
            expect([...targets, ...(running?.attached ?? []).map(({ params }) => params)]).not.toContain(path);
          }
        }
        // nothing but images has gone
        expect(model.host.volumes).toEqual(begun.host.volumes);
        expect(Object.values(model.host.domains).map(({ config, running }) => [config, running?.domid, running?.stored]))
          .toEqual(Object.values(begun.host.domains).map(({ config, running }) => [config, running?.domid, running?.stored]));
        for (const name of begun.ghost.wasUp) expect(model.host.domains[name]?.running?.paused).toBe(false);
        expect(planCollect(model.host, wish, sha256).domains).toEqual([]);
      }),
      runs(150),
    );
    expect(removed).toBeGreaterThan(10);
  });

  test.each([
    { half: "before", reboot: false }, { half: "after", reboot: false }, { half: "before", reboot: true }, { half: "after", reboot: true },
  ] as const)("and a run that is cut short at any step ($half it acts, reboot: $reboot) loses nothing else, and can be run again", ({ half, reboot }) => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const begun = retired(scene);
        for (const plan of planCollect(begun.host, wish, sha256).domains) {
          const steps = unroll(plan.nodes);
          const due = new Set(plan.changes.flatMap((change) => (change.change === "discard-image" ? [change.image.path] : [])));
          let before = begun;
          steps.forEach((step, at) => {
            const when = `${half} ${step.id}${reboot ? ", reboot" : ""}`;
            let model = half === "after" ? simulateStep(step, before).model : before;
            before = simulateStep(step, before).model;
            if (reboot) model = rebootDom0(model, "boot-2");
            model = recover(steps.slice(0, at + 1), plan.domain, model);
            if (reboot) model = startAutostarted(model);
            for (const path of goneFrom(begun.host, model.host)) expect(due, when).toContain(path);
            expectSafeToStart(model, when);
            if (!reboot) expectNothingLeft(model, when);
            // after a reboot only guests that start by themselves are up, and only of these the images go
            for (const next of planCollect(model.host, wish, sha256).domains) {
              const again = simulate(next.nodes, model);
              if (!again.ok) throw new Error(`${when}: ${again.why}`);
              model = again.end;
            }
            expect(planCollect(model.host, wish, sha256).domains, when).toEqual([]);
          });
        }
      }),
      runs(25),
    );
  });

  test("is looked at again first: a guest that was taken off its volume, or restarted elsewhere, stops the run before anything goes", () => {
    const state = collected();
    const [plan] = planCollect(state, wish, sha256).domains;
    const model = startModel(state);
    const web1 = state.domains["web1"];
    if (plan === undefined || web1?.running === undefined || web1.config === undefined) throw new Error("no plan");
    const { running, config } = web1;
    const spoilt: readonly Model[] = [
      withDomain(model, { ...web1, running: { ...running, attached: running.attached.map((disk) => ({ ...disk, params: "/srv/other.img" })) } }),
      withDomain(model, { ...web1, config: { ...config, sha256: "another" } }),
      rebootDom0(model, "boot-2"),
      { ...model, host: { ...model.host, images: Object.fromEntries(Object.entries(state.images).map(([path, image]) => [path, { ...image, inode: image.inode + 900 }])) } },
    ];
    for (const one of spoilt) {
      const simulated = simulate(plan.nodes, one);
      expect(simulated.ok).toBe(false);
      expect(goneFrom(one.host, (simulated.moments.at(-1)?.model ?? one).host)).toEqual([]);
    }
  });
});

const PATH = "/srv/xen/web1/xvda1.img.retired";

type Change = (state: HostState) => HostState;

/** web1 as something else. */
const web1 = (change: (domain: NonNullable<HostState["domains"][string]>) => HostState["domains"][string]): Change => (state) => {
  const { web1: domain } = state.domains;
  if (domain === undefined) throw new Error("no guest");
  return { ...state, domains: { ...state.domains, web1: change(domain) } };
};
const image = (change: Partial<HostState["images"][string]>): Change => (state) => {
  const found = state.images[PATH];
  if (found === undefined) throw new Error("no image");
  return { ...state, images: { ...state.images, [PATH]: { ...found, ...change } } };
};
const volume = (change: Partial<HostState["volumes"][string]> | undefined): Change => (state) => {
  const { "vg0/web1-xvda1": found, ...volumes } = state.volumes;
  if (found === undefined) throw new Error("no volume");
  return { ...state, volumes: change === undefined ? volumes : { ...volumes, "vg0/web1-xvda1": { ...found, ...change } } };
};
/** Another guest, with the image under a name of its own for it. */
const other = (how: "config" | "stored" | "attached" | "saved" | "comment"): Change => (state) => {
  const { db1 } = aHost([{ name: "db1", saved: how === "saved", disks: { xvda1: { bytes: MIB } } }]).domains;
  const found = state.images[PATH];
  if (db1?.config === undefined || db1.running === undefined || found === undefined) throw new Error("no guest");
  const { running, config, ...rest } = db1;
  const alias = "/srv/alias.img";
  const renamed = <T extends { target: string }>(disks: readonly T[]): readonly T[] => disks.map((disk) => ({ ...disk, target: alias }));
  const text = how === "comment" ? { ...config.text, text: `${config.text.text}# once: ${PATH}\n` } : config.text;
  return {
    ...state,
    images: { ...state.images, [alias]: { ...found, path: alias } },
    domains: { ...state.domains, db1: {
      ...rest, config: { ...config, text, disks: how === "config" ? renamed(config.disks) : config.disks },
      ...(how === "saved" ? {} : { running: {
        ...running, stored: how === "stored" ? renamed(running.stored) : running.stored,
        attached: running.attached.map((disk) => (how === "attached" ? { ...disk, params: alias } : disk)),
      } }),
    } },
  };
};

/** A guest on a disk that is laid over other files, which only its QEMU, while it runs, could tell. */
const overlay = (format: "qcow2" | "vhdx", disk: HostState["images"][string]["disk"], nodes?: readonly string[], served: string = format): Change => (state) => {
  const path = "/srv/xen/clone1/xvda1.img";
  const { domains, images } = aHost([{ name: "clone1", disks: { xvda1: { bytes: MIB } } }]);
  const { clone1 } = domains;
  const found = images[path];
  if (clone1?.running === undefined || found === undefined) throw new Error("no guest");
  const { running, config, ...rest } = clone1;
  if (config === undefined) throw new Error("no config");
  const down = { ...rest, config: { ...config, disks: config.disks.map((one) => ({ ...one, format: served })) } };
  const qemu = { jobs: [], nodes: (nodes ?? []).map((one, at) => ({ node: `#block${String(at)}`, path: one, driver: "qcow2", bytes: MIB })) };
  return {
    ...state, images: { ...state.images, [path]: { ...found, inode: 5511, format, ...(disk === undefined ? {} : { disk }) } },
    domains: { ...state.domains, clone1: nodes === undefined ? down : { ...down, running: { ...running, qemu } } },
  };
};
const BACKED = { bytes: MIB, backed: true, encrypted: false };

test("a retired image goes, where each disk of another guest is known to lie elsewhere", () => {
  for (const change of [
    overlay("qcow2", { ...BACKED, backed: false }), overlay("qcow2", BACKED, ["/srv/xen/clone1/xvda1.img", "/srv/base.img"]),
    overlay("qcow2", { ...BACKED, layers: { files: [{ path: "/srv/base.img", inode: 4712, devno: "253:0" }] } }),
    // its guest may write there what it likes
    overlay("qcow2", BACKED, undefined, "raw"),
  ]) {
    expect(diffCollect(wish, change(collected())).changes.map((one) => one.change === "discard-image" && one.image.path)).toContain(PATH);
  }
});

describe("a retired image stays", () => {
  test.each<readonly [why: string, change: Change, says: RegExp]>([
    ["before its time", (state) => withBooks(state, NOW - 29 * DAY), /kept until/],
    ["where the books do not say which file it is", (state) => ({ ...state, retired: (state.retired ?? []).map(({ file: _, ...one }) => one) }), /do not say which file/],
    ["where another file has its name", image({ inode: 4711 }), /not the file that was retired/],
    ["where somebody has written to it", image({ mtime: 1_795_000_000 }), /somebody has written to it/],
    ["where it has grown", image({ bytes: 4711 }), /not the file that was retired/],
    ["where a link has its name", image({ realPath: "/etc/shadow" }), /is a link, to \/etc\/shadow/],
    ["where its volume is gone", volume(undefined), /is not there any more/],
    ["where its volume has the role of a copy", volume({ tags: ["converge", "converge.domain=web1", "converge.disk=xvda1", "converge.role=copy"] }), /not marked as the guest's disk/],
    ["where its volume is nobody's any more", volume({ tags: [] }), /not marked as the guest's disk/],
    ["where its volume was made anew", volume({ content: ext4("another one", 512 * MIB) }), /holds another file system than vg0\/web1-xvda1/],
    ["where its guest is gone", ({ domains: { web1: _, ...domains }, ...state }) => ({ ...state, domains }), /no guest web1/],
    ["where its guest is down", web1(({ running: _, ...rest }) => rest), /does not run/],
    ["where its guest has crashed", web1((domain) => (domain.running === undefined ? domain : { ...domain, running: { ...domain.running, halted: "crashed" } })), /has crashed/],
    ["where its guest is paused", web1((domain) => (domain.running === undefined ? domain : { ...domain, running: { ...domain.running, paused: true } })), /is paused/],
    ["where its guest has no config", web1(({ config: _, ...rest }) => rest), /does not name vg0\/web1-xvda1/],
    [
      "where its guest runs on something else",
      web1((domain) => (domain.running === undefined ? domain : { ...domain, running: { ...domain.running, attached: domain.running.attached.map((disk) => ({ ...disk, params: "/dev/vg0/else" })) } })),
      /does not run on vg0\/web1-xvda1/,
    ],
    [
      "where only its QEMU was told of the volume",
      web1((domain) => (domain.running === undefined ? domain : { ...domain, running: { ...domain.running, attached: domain.running.attached.map((disk) => (
        { ...disk, params: "/srv/xen/web1/xvda1.img", open: { node: "converge-xvda1", path: `/dev/vg0/web1-${disk.vdev}`, driver: "raw", bytes: 1 } })) } })),
      /until the guest is restarted/,
    ],
    ["where nobody wrote down when it was retired", (state) => withBooks(state, 0), /do not say when it was retired/],
    ["where the clock was plainly wrong when it was retired", (state) => withBooks(state, 5000), /retired 1970-01-01 01:23:20 UTC, and it was written to 20\d\d-.*a clock was wrong/],
    ["where a config names it, by another path", other("config"), /config \/etc\/xen\/db1\.cfg names it/],
    [
      "where another config of its guest names it",
      web1((domain) => ({ ...domain, otherDisks: [{ vdev: "xvdz", target: "/srv/xen/web1/xvda1.img.retired", format: "raw", access: "w", cdrom: false }] })),
      /another config of web1 names it/,
    ],
    ["where a comment in a config names it", other("comment"), /config \/etc\/xen\/db1\.cfg names it/],
    ["where xl has it stored", other("stored"), /xl has it stored for db1/],
    ["where another guest has it open", other("attached"), /guest db1 has it open/],
    ["where a guest that is down has a disk over another file", overlay("qcow2", BACKED), /a disk of clone1, may lie in another file/],
    ["where nobody can read whether it has", overlay("vhdx", undefined), /a disk of clone1, may lie in another file/],
    ["where its QEMU did not say over which", overlay("qcow2", BACKED, []), /a disk of clone1, may lie in another file/],
    ["where a guest that runs has it below its disk", overlay("qcow2", BACKED, ["/srv/xen/clone1/xvda1.img", PATH]), /guest clone1 has it open/],
    ["where it has it by the name of before", overlay("qcow2", BACKED, ["/srv/xen/clone1/xvda1.img", "/srv/xen/web1/xvda1.img"]), /guest clone1 has it open/],
    ["where a guest is saved", other("saved"), /db1 is saved/],
    ["where its own guest is saved as well", web1((domain) => ({ ...domain, saved: true })), /web1 is saved/],
    [
      "where a loop device has it open",
      (state) => ({ ...state, loops: [{ device: "/dev/loop7", backing: "/elsewhere", inode: state.images[PATH]?.inode ?? 0, devno: state.images[PATH]?.devno ?? "", offset: 0, readOnly: true, deleted: false }] }),
      /loop device \/dev\/loop7/,
    ],
    ["where a mapping lies on it", (state) => ({ ...state, mappings: [...(state.mappings ?? []), { name: "converge-x", bytes: 1, open: false, table: { kind: "linear", on: PATH } }] }), /mapping converge-x/],
    [
      "while a run has the guest",
      (state) => ({ ...state, runs: [{ run: "r", domain: "web1", digest: "d", state: "running", owner: "bob@desk", since: NOW }] }), /bob@desk began it/,
    ],
    [
      "after a run that stopped half-way",
      (state) => ({ ...state, runs: [{ run: "r", domain: "web1", digest: "d", state: "stopped", owner: "bob@desk", since: NOW }] }), /converge resume/,
    ],
    [
      "after a run that left something",
      (state) => ({ ...state, runs: [{ run: "r", domain: "web1", digest: "d", state: "done", owner: "bob@desk", since: NOW, unfinished: "a mount" }] }), /converge resume/,
    ],
  ])("%s", (_, change, says) => {
    // without the change it goes
    expect(diffCollect(wish, collected()).changes.map((one) => one.change === "discard-image" && one.image.path)).toContain(PATH);
    const { changes, diagnostics } = diffCollect(wish, change(collected()));
    expect(changes.filter((one) => one.change === "discard-image" && one.image.path === PATH)).toEqual([]);
    const note = diagnostics.find((one) => one.summary.startsWith(PATH));
    expect(note).toMatchObject({ severity: "note", code: "image-kept" });
    expect(note?.detail).toMatch(says);
  });

  test("and what was never retired is not even spoken of", () => {
    const state = collected();
    const [found] = Object.values(state.images);
    if (found === undefined) throw new Error("no image");
    const strange = { ...found, path: "/srv/xen/strange.img.retired", realPath: "/srv/xen/strange.img.retired" };
    const { changes, diagnostics } = diffCollect(wish, { ...state, images: { ...state.images, [strange.path]: strange } });
    expect(JSON.stringify([changes, diagnostics.map(({ summary }) => summary)])).not.toContain("strange");
  });
});

describe("books of runs", () => {
  const runs = (state: HostState, one: CollectWish = wish): readonly string[] =>
    diffCollect(one, state).changes.flatMap((change) => (change.change === "forget-runs" ? change.runs.map(({ run }) => run) : []));

  test("go when they are old, and the guest's last run stays", () => {
    expect(runs(oldRuns(collected()))).toEqual(["20260901T000000Z-000001", "20260902T000000Z-000002"]);
  });

  test("stay where a run is not at its end, is young, or was begun at a time that nobody knows", () => {
    const state = oldRuns(collected());
    const [first, second] = state.past ?? [];
    if (first === undefined || second === undefined) throw new Error("no books");
    expect(runs({ ...state, past: [{ ...first, open: true }, second] })).toEqual([second.run]);
    expect(runs({ ...state, past: [{ ...first, since: NOW - 3 * DAY }, { ...second, since: 0 }] })).toEqual([]);
  });

  test("stay where a run was its guest's last one when it was asked for: the run that removes the others has made an old one of it", () => {
    const state = oldRuns(collected());
    const [last] = state.runs;
    if (last === undefined) throw new Error("no run");
    const asked = { ...wish, lastRuns: [last.run] };
    const after: HostState = {
      ...state, commits: [], runs: [{ ...last, run: "20261126T000000Z-000004", since: NOW }],
      past: [{ domain: "web1", run: last.run, since: last.since, bytes: 4096 }],
    };
    expect(runs(after, asked)).toEqual([]);
    expect(runs(after)).toEqual([last.run]);
  });

  test("stay while the volume that a run brought its guest to is marked as a copy still: somebody may have put the guest back by hand", () => {
    const state = oldRuns(collected());
    const [first] = state.past ?? [];
    const [volume] = Object.values(state.volumes).filter(({ name }) => name === "vg0/web1-xvda1");
    if (first === undefined || volume === undefined) throw new Error("no books");
    const commits = [{ domain: "web1", run: first.run, at: RETIRED_AT, volumes: [volume.name] }];
    const marked = (role: "copy" | "disk"): HostState =>
      ({ ...state, commits, volumes: { ...state.volumes, [volume.name]: { ...volume, tags: volumeTags("web1", "xvda1", role) } } });
    expect(runs(marked("copy"))).toEqual(["20260902T000000Z-000002"]);
    expect(runs(marked("disk"))).toHaveLength(2);
  });

  test("stay while a run has the guest", () => {
    const state = oldRuns(collected());
    expect(runs({ ...state, runs: (state.runs).map((run) => ({ ...run, state: "running" as const })) })).toEqual([]);
  });

  test("stay for a rollback that is possible still: the run that brought the guest onto its volume says since when", () => {
    const state = oldRuns(collected());
    const [first] = state.past ?? [];
    const commits = [{ domain: "web1", run: first?.run ?? "", at: RETIRED_AT, volumes: ["vg0/web1-xvda1"] }];
    // the image goes in the same run: nobody needs to know any more
    expect(runs({ ...state, commits })).toHaveLength(2);
    const keeping = { ...wish, guests: [{ domain: "web1", disks: [{ vdev: "xvda1", keepForSeconds: 365 * DAY }] }] };
    expect(runs({ ...state, commits }, keeping)).toEqual(["20260902T000000Z-000002"]);
    // of those that do not say which disks they were about the newest may be that one
    const unsaid = (state.past ?? []).map(({ run }, at) => ({ domain: "web1", run, at: RETIRED_AT - at, volumes: [], unsaid: true as const }));
    expect(runs({ ...state, commits: unsaid }, keeping)).toEqual(["20260902T000000Z-000002"]);
  });

  test("of a guest that is gone go as well", () => {
    const { web1: _, ...domains } = collected().domains;
    expect(runs({ ...oldRuns(collected()), domains })).toHaveLength(2);
  });
});
