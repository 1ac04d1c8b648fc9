import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compileProgram } from "../../src/core/program/compile.js";
import { forgetOldRuns } from "../../src/core/steps/forget-runs.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { discardRetired, guardRetired } from "../../src/core/steps/retired-image.js";
import { retireImage } from "../../src/core/steps/settle-source.js";
import { stepOf } from "../../src/core/steps/step-of.js";
import { SHELLS, StubHost } from "./host.js";
import type { Shell } from "./host.js";
import { journal } from "./invariants.js";
import { planOf, sha256 } from "./plan.js";

const VOLUME = "vg0/web1-root";
/** Names of images that hurt in shells, in JSON and in patterns of grep. */
const IMAGES = ["old.img", "o'l \"d\\ $(touch pwned) *.img", "-rf ä.img"];

/** A guest on its volume, its old image retired by the runtime itself, and three runs in its books. */
async function retiredHost(shell: Shell, name = "old.img"): Promise<StubHost & { readonly retired: string }> {
  const host = new StubHost(shell);
  const device = `${host.root}/dev/${VOLUME}`;
  writeFileSync(device, "fd:2\n");
  writeFileSync(host.config, readFileSync(host.config, "utf8").replace(host.image, device));
  await host.command([`${host.root}/bin/xl`, "destroy", host.domain]);
  await host.command([`${host.root}/bin/xl`, "create", host.config]);
  const image = `${host.root}/srv/${name}`;
  renameSync(host.image, image);
  const retired = `${image}.retired`;
  host.install(program(host, [stepOf(retireImage, "settle", "retire", { domain: "web1", vdev: "xvda1", volume: VOLUME, path: image, retired }, "")]));
  await host.run("run");
  expect(host.ended(), host.journalText()).toBe("done");
  expect(existsSync(retired)).toBe(true);
  // what was the guest's run is an old one now
  renameSync(host.runDirectory, `${host.book}/runs/20260101T000000Z-1`);
  rmSync(`${host.book}/current`);
  for (const [run, files] of [["20260102T000000Z-2", ["ended"]], ["20260103T000000Z-3", ["ended", "unfinished"]], ["20260104T000000Z-4", []]] as const) {
    mkdirSync(`${host.book}/runs/${run}`);
    for (const file of files) writeFileSync(`${host.book}/runs/${run}/${file}`, "done\n");
  }
  rmSync(`${host.state}/calls`, { force: true });
  return Object.assign(host, { retired });
}

function program(host: StubHost, nodes: Parameters<typeof planOf>[1]): string {
  return compileProgram(planOf(host.domain, nodes), stepKinds, { config: host.config })
    .replaceAll("/var/lib/converge", `${host.root}/var/lib/converge`);
}

/** The real steps of `converge gc`, on the stub's paths. */
function collecting(host: StubHost, path: string, runs: readonly string[] = []): string {
  const { ino: inode, size: bytes, mtimeMs, dev } = statSync(path);
  const devno = `${String(Number(BigInt(dev) >> 8n & 0xfffn))}:${String(Number(BigInt(dev) & 0xffn))}`;
  return program(host, [
    stepOf(guardRetired, "prepare", "guard", {
      domain: host.domain, bootId: "boot-1", config: { path: host.config, sha256: sha256(readFileSync(host.config)) },
      attached: [{ vdev: "xvda1", target: `${host.root}/dev/${VOLUME}` }], images: [{ path, inode, bytes, devno }],
    }, ""),
    stepOf(discardRetired, "settle", "discard", { path, file: { inode, bytes, mtime: Math.floor(mtimeMs / 1000) } }, ""),
    ...(runs.length === 0 ? [] : [stepOf(forgetOldRuns, "settle", "forget-runs", { domain: host.domain, runs }, "")]),
  ]);
}

describe.concurrent("what is written into the books", () => {
  it.each(SHELLS)("begins on a line of its own, also where a power cut has torn the last one (%s)", async (shell) => {
    const host = new StubHost(shell);
    try {
      const torn = '{"domain":"web1","vdev":"xv';
      mkdirSync(host.book, { recursive: true });
      writeFileSync(`${host.book}/retired.jsonl`, torn);
      writeFileSync(`${host.book}/history.jsonl`, `{"domain":"web1"}\n${torn}`);
      const args = { domain: "web1", vdev: "xvda1", volume: VOLUME, path: host.image, retired: `${host.image}.retired`, keepForSeconds: 90 * 86_400 };
      const steps = [stepOf(retireImage, "settle", "retire", args, "")];
      host.install(program(host, steps));
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("done");
      const [first, second = "", ...more] = host.lines(`${host.book}/retired.jsonl`);
      expect([first, more]).toEqual([torn, []]);
      expect(JSON.parse(second)).toMatchObject({ retired: `${host.image}.retired`, keepFor: 90 * 86_400 });
      const history = host.lines(`${host.book}/history.jsonl`);
      expect(history.slice(0, 2)).toEqual(['{"domain":"web1"}', torn]);
      expect(JSON.parse(history[2] ?? "")).toMatchObject({ domain: "web1" });
    } finally {
      host.remove();
    }
  });
});

describe.concurrent("removing what is left", { tags: "long" }, () => {
  it.each(SHELLS.flatMap((shell) => IMAGES.map((name) => ({ shell, name }))))(
    "removes just the image that its books name, $name, and old runs that left nothing ($shell)", async ({ shell, name }) => {
      const host = await retiredHost(shell, name);
      try {
        const beside = `${host.retired}.retired`;
        writeFileSync(beside, "somebody else's");
        host.install(collecting(host, host.retired, ["20260101T000000Z-1", "20260102T000000Z-2"]));
        await host.run("run");
        expect(host.ended(), host.journalText()).toBe("done");
        expect(existsSync(host.retired)).toBe(false);
        expect(existsSync(beside)).toBe(true);
        expect(existsSync(`${host.root}/pwned`) || existsSync("pwned")).toBe(false);
        expect(["1", "2", "3", "4"].map((n) => existsSync(`${host.book}/runs/2026010${n}T000000Z-${n}`))).toEqual([false, false, true, true]);
        expect(host.guests()).toMatchObject([{ state: "-b----", disk: `/dev/${VOLUME}` }]);
        expect(host.leftovers()).toEqual([]);
        journal(host);
      } finally {
        host.remove();
      }
    },
  );

  it.each<{ why: string; spoil: (host: StubHost & { retired: string }) => unknown; says: string }>([
    { why: "another file has its name", spoil: ({ retired }) => { renameSync(retired, `${retired}.away`); writeFileSync(retired, "another image"); }, says: "inode" },
    { why: "a link has its name", spoil: ({ retired }) => { renameSync(retired, `${retired}.away`); symlinkSync(`${retired}.away`, retired); }, says: "not the file that was retired" },
    { why: "somebody has touched it", spoil: ({ retired }) => { utimesSync(retired, 1, 1); }, says: "not the file that was retired" },
    { why: "somebody has written to it", spoil: ({ retired }) => { appendFileSync(retired, "x"); }, says: "size" },
    { why: "the books do not have it", spoil: ({ book }) => { writeFileSync(`${book}/retired.jsonl`, ""); }, says: "the books do not say" },
    { why: "the books are gone", spoil: ({ book }) => { rmSync(`${book}/retired.jsonl`); }, says: "the books do not say" },
    { why: "a config in auto/ names it", spoil: ({ root, retired }) => { mkdirSync(`${root}/etc/xen/auto`); writeFileSync(`${root}/etc/xen/auto/db`, `disk = ['file:${retired},xvda,w']`); }, says: "names" },
    { why: "a loop device has it", spoil: (host) => host.command([`${host.root}/bin/losetup`, "--find", "--show", host.retired]), says: "in use by" },
    { why: "the guest's config has changed", spoil: ({ config }) => { appendFileSync(config, "# mine\n"); }, says: "has changed since the plan was made" },
    { why: "the guest is down", spoil: (host) => host.command([`${host.root}/bin/xl`, "destroy", host.domain]), says: "" },
    { why: "Dom0 was rebooted", spoil: ({ root }) => { writeFileSync(`${root}/proc/sys/kernel/random/boot_id`, "boot-2\n"); }, says: "the boot of Dom0" },
  ])("stops before anything goes where $why", async ({ spoil, says }) => {
    const host = await retiredHost("dash");
    try {
      const text = collecting(host, host.retired, ["20260101T000000Z-1"]);
      await spoil(host);
      host.install(text);
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(host.journalText()).toContain(says);
      expect(existsSync(host.retired)).toBe(true);
      expect(existsSync(`${host.book}/runs/20260101T000000Z-1`)).toBe(true);
    } finally {
      host.remove();
    }
  });

  it.each([
    { run: "20260103T000000Z-3", why: "has left something" }, { run: "20260104T000000Z-4", why: "has not ended" },
    { run: "1", why: "is the one that removes" }, { run: "../../../../..", why: "is a path" }, { run: "..", why: "is the folder above" },
    { run: "link", why: "is a link" }, { run: "booting", why: "is called by a boot unit" },
    { run: "replaced", why: "was called by a boot unit that a later run has replaced" },
  ])("never removes a run that $why", async ({ run }) => {
    const host = await retiredHost("bash");
    try {
      symlinkSync(host.root, `${host.book}/runs/link`);
      mkdirSync(`${host.book}/runs/booting`);
      writeFileSync(`${host.book}/runs/booting/ended`, "done\n");
      writeFileSync(`${host.root}/etc/systemd/system/converge-boot-web1.service`, `ExecStart=/bin/sh ${host.book}/runs/booting/program.sh recover\n`);
      mkdirSync(`${host.book}/runs/replaced`);
      writeFileSync(`${host.book}/runs/replaced/ended`, "done\n");
      writeFileSync(`${host.book}/runs/booting/before`, `${host.book}/runs/replaced/program.sh\n`);
      host.install(collecting(host, host.retired, [run]));
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("failed");
      for (const kept of ["1", "booting", "replaced", "20260103T000000Z-3", "20260104T000000Z-4"]) expect(existsSync(`${host.book}/runs/${kept}`), kept).toBe(true);
    } finally {
      host.remove();
    }
  });

  it.each(["before", "after"].flatMap((when) => ["*.retired", "*/runs/2026*"].map((of) => ({ when, of }))))(
    "is whole again after it was killed $when it removed $of, and is finished by the next run", async ({ when, of }) => {
      const host = await retiredHost("dash");
      try {
        const runs = ["20260101T000000Z-1", "20260102T000000Z-2"];
        const text = collecting(host, host.retired, runs);
        host.install(text);
        const die = 'kill -9 "-$(cat "$STUB_STATE/group")"; sleep 5';
        writeFileSync(`${host.root}/bin/rm`, `#!/bin/sh\ncase $* in ${of}) ${when === "before" ? `${die};` : ""} /bin/rm "$@"; ${die} ;; esac\nexec /bin/rm "$@"\n`, { mode: 0o755 });
        await host.run("run");
        expect(host.ended()).toBeUndefined();
        expect(existsSync(host.retired)).toBe(of === "*.retired" && when === "before");
        rmSync(`${host.root}/bin/rm`);
        await host.run("recover");
        expect(host.ended(), host.journalText()).toBe("failed");
        expect(host.leftovers()).toEqual([]);
        expect(host.guests()).toMatchObject([{ state: "-b----", disk: `/dev/${VOLUME}` }]);
        // the next run is planned from what there is
        const next = existsSync(host.retired) ? text : program(host, [stepOf(forgetOldRuns, "settle", "forget-runs", { domain: host.domain, runs }, "")]);
        renameSync(host.runDirectory, `${host.book}/runs/20260105T000000Z-5`);
        rmSync(`${host.book}/current`);
        host.install(next);
        await host.run("run");
        expect(host.ended(), host.journalText()).toBe("done");
        expect([host.retired, ...runs.map((run) => `${host.book}/runs/${run}`)].filter((path) => existsSync(path))).toEqual([]);
      } finally {
        host.remove();
      }
    },
  );
});
