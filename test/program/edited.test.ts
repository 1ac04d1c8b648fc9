import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { below } from "./below.js";
import { SCRATCH, SHELLS, StubHost, byTurns, evaluate } from "./host.js";
import { mirrorProgram } from "./mirror.js";
import { moveProgram } from "./plan.js";
import { Xl } from "./xl.js";

/** A run dies between its edit of the config and its commit, and before it is taken back somebody else edits the config. */

const VOLUME = "/dev/vg0/web1-root";
const FUNCTIONS = readFileSync("src/core/program/runtime/verbs/config.sh", "utf8");

/** @param at the command of xl at which it dies with all its children */
async function diesAt(at: string, host: StubHost, program: string): Promise<void> {
  host.install(program);
  const xl = new Xl(host);
  xl.first(`if [ "$1" = ${at} ]; then read -r g <"$STUB_STATE/group"; kill -9 "-$g"; /bin/sleep 1; exit 1; fi`);
  await host.run("run");
  xl.stub();
  expect(host.committing()).toBe(false);
  expect(readFileSync(host.config, "utf8")).toContain(VOLUME);
}

async function withHost(shell: StubHost["shell"], work: (host: StubHost) => Promise<void>): Promise<void> {
  const host = new StubHost(shell);
  try {
    await work(host);
  } finally {
    host.remove();
  }
}

function unfinished(host: StubHost): string {
  const file = join(host.runDirectory, "unfinished");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** One guest, up on what its config names, and nothing left that could not be taken back. */
function expectOn(host: StubHost, disk: string): void {
  expect(host.guests().map(({ state }) => state), host.journalText()).toEqual(["-b----"]);
  expect(below(host, host.guests()[0]?.disk ?? ""), host.journalText()).toBe(disk);
  expect(unfinished(host), host.journalText()).toBe("");
}

describe.concurrent("a config that somebody edits while its run is dead", () => {
  for (const shell of SHELLS) {
    for (const [turn, by] of (["dm", "md", "drbd"] as const).entries()) it(`and that names the volume still: the guest goes there, where a mirror by ${by} has every write (${shell})`, turn === 0 ? byTurns(0, shell) : { tags: "long" }, async () => {
      await withHost(shell, async (host) => {
        await diesAt("config-update", host, mirrorProgram(host, "suspend", by));
        appendFileSync(host.config, "memory = 512\n");
        await host.run("recover");
        expectOn(host, VOLUME);
        expect(readFileSync(host.config, "utf8")).toContain("memory = 512");
        expect(host.committing()).toBe(true);
      });
    });

    it(`and that names the volume still: the guest goes there, which a last pass had filled (${shell})`, byTurns(1, shell), async () => {
      await withHost(shell, async (host) => {
        await diesAt("create", host, moveProgram(host));
        appendFileSync(host.config, `memory = 512 # not ${host.image}\n`);
        await host.run("recover");
        expectOn(host, VOLUME);
        expect(host.committing()).toBe(true);
      });
    });

    it(`and that names the image again: the guest goes back to it (${shell})`, byTurns(2, shell), async () => {
      await withHost(shell, async (host) => {
        const before = readFileSync(host.config, "utf8");
        await diesAt("create", host, moveProgram(host));
        writeFileSync(host.config, `# was on ${host.root}${VOLUME}\n${before}memory = 512\n`);
        await host.run("recover");
        expectOn(host, "/srv/disk.img");
        expect(host.committing()).toBe(false);
      });
    });
  }

  it("and that names the image, while the guest has come up on the volume: nobody decides, and that is told", async () => {
    await withHost("dash", async (host) => {
      const before = readFileSync(host.config, "utf8");
      await diesAt("create", host, moveProgram(host));
      await host.command([join(host.root, "bin/xl"), "create", host.config]);
      writeFileSync(host.config, `${before}memory = 512\n`);
      await host.run("recover");
      expect(host.committing()).toBe(false);
      expect(unfinished(host)).toContain("does not name the new disk, which web1 is on");
      expect(host.guests().map(({ disk }) => disk)).toEqual([VOLUME]);
    });
  });

  it("and that names the volume still, while one of the mirror's disks has failed: nobody decides", async () => {
    await withHost("dash", async (host) => {
      await diesAt("config-update", host, mirrorProgram(host, "suspend", "dm"));
      appendFileSync(host.config, "memory = 512\n");
      host.tell("health", "AD");
      await host.run("recover");
      expect(host.committing()).toBe(false);
      expect(unfinished(host)).toContain("was changed by somebody else meanwhile");
    });
  });
});

describe("what a config names", () => {
  const VG = "/dev/vg0/web-root";
  it.each([
    ["the path", `disk = [ 'phy:${VG},xvda1,w' ]`, "all"],
    ["the path, alone", `disk = ["${VG}"]`, "all"],
    ["the path in a comment behind", `disk = [ 'file:/srv/a.img,xvda1,w' ] # was ${VG}`, "none"],
    ["the path in a line of comment", `# disk = [ 'phy:${VG},xvda1,w' ]`, "none"],
    ["a # within a string", `name = "a#b"\ndisk = [ 'phy:${VG},xvda1,w' ]`, "all"],
    ["a path that goes on", `disk = [ 'phy:${VG}2,xvda1,w' ]`, "none"],
    ["a path that ends so", `disk = [ 'file:/backup${VG},xvda1,w' ]`, "none"],
    ["device-mapper's name of it", "disk = [ 'phy:/dev/mapper/vg0-web--root,xvda1,w' ]", "unclear"],
    ["the name without /dev", "disk = [ 'phy:vg0/web-root,xvda1,w' ]", "unclear"],
    ["an image", "disk = [ 'file:/srv/a.img,xvda1,w' ]", "none"],
  ] as const)("is read as xl reads it: %s", async (_, text, named) => {
    const folder = mkdtempSync(join(SCRATCH, "converge-named-"));
    try {
      const file = join(folder, "web1.cfg");
      writeFileSync(file, `${text}\n`);
      for (const shell of SHELLS) {
        const { stdout } = await evaluate(shell, `${FUNCTIONS}\nROOT=\nnames_disks "$1" web1 xvda1 ${VG}\ncase $? in 0) echo all ;; 1) echo none ;; *) echo unclear ;; esac`, [file]);
        expect(stdout.trim(), shell).toBe(named);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
