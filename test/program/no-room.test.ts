import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SHELLS, StubHost, byTurns, evaluate, type Shell } from "./host.js";
import { expectWhole, journal } from "./invariants.js";
import { moveProgram } from "./plan.js";
import { Xl } from "./xl.js";

/** What becomes of a run whose books take nothing more, in the midst of the switch. */

const RUNTIME = "src/core/program/runtime";

async function withHost(shell: Shell, work: (host: StubHost, xl: Xl, before: string) => Promise<void>): Promise<void> {
  const host = new StubHost(shell);
  try {
    host.install(moveProgram(host));
    await work(host, new Xl(host), readFileSync(host.config, "utf8"));
  } finally {
    host.remove();
  }
}

const here = (host: StubHost, name: string): string => join(host.runDirectory, name);
/** From the guest's shutdown on no file can be made for what commands print; these can not be written either. */
const noFiles = (host: StubHost, ...names: readonly string[]): string => [
  `rm -rf ${here(host, "out")}; : >${here(host, "out")}`, ...names.map((name) => `rm -rf ${here(host, name)}; mkdir ${here(host, name)}`),
].join("\n");
const owner = async (host: StubHost): Promise<void> => {
  for (const { domid } of host.guests()) await host.command([join(host.root, "bin/xl"), "destroy", domid]);
  expect(host.guests()).toEqual([]);
};

describe.concurrent("books in which no file can be made any more", () => {
  for (const shell of SHELLS) for (const [turn, dies] of [false, true].entries()) {
    it.concurrent(`have the guest back all the same (${dies ? "the run dies" : "the start fails"}, ${shell})`, byTurns(turn, shell), async () => {
      await withHost(shell, async (host, xl, before) => {
        xl.first(`case $1 in
  shutdown) ${noFiles(host, "built", "creating", "abandoned.new")} ;;
  create) if ! [ -e "$STUB_STATE/tried" ]; then : >"$STUB_STATE/tried"; ${dies ? 'kill -9 -$(cat "$STUB_STATE/group")' : "exit 1"}; fi ;;
esac`);
        await host.run("run");
        if (dies) await host.run("recover");
        expect(expectWhole(host, before), host.journalText()).toBe("old");
        expect(host.journalText()).not.toContain("could not be taken back");
        expect(readdirSync(host.runDirectory).filter((name) => name.endsWith(".new") && name !== "abandoned.new")).toEqual([]);
      });
    });
  }
});

describe.concurrent("a run that ends on a full disk", () => {
  /** Nothing more can be written but over what is there: what is made anew goes where there is never room. */
  const full = (host: StubHost): string =>
    `for file in ended unfinished left; do [ -e ${host.runDirectory}/$file.new ] || ln -s /dev/full ${host.runDirectory}/$file.new; done`;

  for (const shell of SHELLS) {
    it.concurrent(`is known to have ended, and a guest that its owner stops after it is not started (${shell})`, byTurns(1, shell), async () => {
      await withHost(shell, async (host, xl) => {
        xl.first(`if [ "$1" = shutdown ]; then ${full(host)}\nfi; if [ "$1" = create ] && ! [ -e "$STUB_STATE/tried" ]; then : >"$STUB_STATE/tried"; exit 1; fi`);
        await host.run("run");
        expect(host.guests()).toMatchObject([{ state: "-b----", disk: "/srv/disk.img" }]);
        expect(host.ended()).toBe("failed");
        await owner(host);
        await host.run("recover");
        expect(host.guests()).toEqual([]);
        expect(host.journalText()).toContain('"event":"end","outcome":"failed"');
        expect(readdirSync(host.runDirectory).filter((name) => name.endsWith(".new"))).toEqual([]);
      });
    });
  }

  it.concurrent("leaves nothing of what it had set aside, however it ends", async () => {
    await withHost("dash", async (host, _xl, before) => {
      await host.run("run");
      expect(expectWhole(host, before)).toBe("new");
      expect(readFileSync(here(host, "ended"), "utf8")).toBe("done\n");
      expect(readdirSync(host.runDirectory).filter((name) => name.endsWith(".new"))).toEqual([]);
    });
  });

  it.concurrent("is remembered until Dom0's next boot where the books are read-only", async () => {
    await withHost("dash", async (host, xl) => {
      xl.first(`if [ "$1" = shutdown ]; then rm ${here(host, "ended.new")}; mkdir ${here(host, "ended.new")}; exit 1; fi`);
      // nobody waits for a guest that goes down late: its owner would be taken for it
      host.tell("no-units");
      await host.run("run");
      expect(host.ended()).toBeUndefined();
      xl.stub();
      await owner(host);
      await host.run("recover");
      expect(host.guests(), host.journalText()).toEqual([]);
      expect(host.ended()).toBeUndefined();
      rmSync(here(host, "ended.new"), { recursive: true, force: true });
      await host.run("recover");
      expect(host.guests(), host.journalText()).toEqual([]);
      expect(host.ended()).toBe("failed");
    });
  });

  it.each(SHELLS)("writes over what it has set aside, and no more than the text stays (%s)", async (shell) => {
    const host = new StubHost(shell);
    try {
      const script = `HERE=$1; eval "$(sed '/^HERE=/d' "$PWD/${RUNTIME}/setting.sh")"; kept() { :; }; set_aside
wc -c <"$HERE/unfinished.new"; write_kept "$HERE/unfinished" 'xvda1: ümläut'; write_kept "$HERE/ended" "done"; give_up_aside`;
      const { stdout } = await evaluate(shell, script, [host.root]);
      expect(stdout.trim()).toBe("4096");
      expect(readFileSync(join(host.root, "unfinished"), "utf8")).toBe("xvda1: ümläut\n");
      expect(readFileSync(join(host.root, "ended"), "utf8")).toBe("done\n");
      expect(readdirSync(host.root).filter((name) => name.endsWith(".new"))).toEqual([]);
    } finally {
      host.remove();
    }
  });
});

describe.concurrent("what a run has left", () => {
  for (const shell of SHELLS) it.concurrent(`is all that is taken back later: a guest that its owner has stopped since stays down (${shell})`, byTurns(2, shell), async () => {
    await withHost(shell, async (host, xl, before) => {
      // a loop that can not be detached
      const losetup = join(host.root, "bin/losetup");
      const real = join(host.root, "bin/real/losetup");
      symlinkSync(join(host.root, "bin/mount"), real);
      rmSync(real);
      symlinkSync(join(process.cwd(), "test/program/stubs/tool"), real);
      rmSync(losetup);
      writeFileSync(losetup, `#!/bin/sh\n[ "$1" != --detach ] || [ ! -e "$STUB_STATE/stuck" ] || exit 1\nexec ${real} "$@"\n`, { mode: 0o755 });
      xl.first('if [ "$1" = create ] && ! [ -e "$STUB_STATE/tried" ]; then : >"$STUB_STATE/tried" >"$STUB_STATE/stuck"; exit 1; fi');
      await host.run("run");
      expect(host.guests()).toMatchObject([{ state: "-b----", disk: "/srv/disk.img" }]);
      expect(existsSync(here(host, "unfinished")), host.journalText()).toBe(true);
      await owner(host);
      expect((await host.run("recover")).code).toBe(1);
      expect(host.guests()).toEqual([]);
      host.untell("stuck");
      expect((await host.run("recover")).code).toBe(0);
      expect(host.guests(), host.journalText()).toEqual([]);
      expect(readFileSync(host.config, "utf8")).toBe(before);
      expect(host.leftovers()).toEqual([]);
      for (const gone of ["unfinished", "left"]) expect(existsSync(here(host, gone)), gone).toBe(false);
      journal(host);
    });
  });
});

describe.concurrent("a recovery that finds that there is no way back", () => {
  /** A run that died with its config edited, whose guest somebody has had on the new disk since. */
  const used = async (shell: Shell, work: (host: StubHost, xl: Xl, before: string) => Promise<void>): Promise<void> => withHost(shell, async (host, xl, before) => {
    const stat = join(host.root, "sys/dev/block/253:2/stat");
    mkdirSync(join(stat, ".."), { recursive: true });
    writeFileSync(stat, "4 0 32 0 9 0 4096 0 0 0 0\n");
    xl.first('if [ "$1" = create ]; then kill -9 -$(cat "$STUB_STATE/group"); exit 1; fi');
    await host.run("run");
    writeFileSync(stat, "4 0 32 0 9 0 4104 0 0 0 0\n");
    await work(host, xl, before);
  });

  for (const shell of SHELLS) {
    it.concurrent(`keeps its boot unit until the guest is up: it may die before (${shell})`, byTurns(2, shell), async () => {
      await used(shell, async (host, xl, before) => {
        const unit = join(host.root, "etc/systemd/system/converge-boot-web1.service");
        xl.first('if [ "$1" = create ]; then kill -9 -$(cat "$STUB_STATE/group"); exit 1; fi');
        await host.run("recover");
        expect(host.committing(), host.journalText()).toBe(true);
        expect(host.ended()).toBeUndefined();
        expect(host.guests()).toEqual([]);
        expect(existsSync(unit), "nobody would come at the next boot").toBe(true);
        host.forget();
        xl.stub();
        await host.run("recover");
        expect(expectWhole(host, before)).toBe("new");
        expect(existsSync(here(host, "committed"))).toBe(true);
        journal(host);
      });
    });
  }
});

describe("the runtime", () => {
  it("makes no file by a special builtin: the shell would end where it can not be made, with the guest down", () => {
    const files = readdirSync(RUNTIME, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".sh"));
    const found = files.flatMap((name) => readFileSync(join(RUNTIME, name), "utf8").split("\n")
      .filter((line) => /(?:^|[\s;{(|&!]):\s+>/.test(line.replace(/^\s*#.*/, ""))).map((line) => `${name}: ${line.trim()}`));
    expect(found).toEqual([]);
  });
});
