import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RUNTIME } from "../../src/core/program/runtime.generated.js";
import { SCRATCH, SHELLS, StubHost, byTurns, evaluate } from "./host.js";
import { moveProgram } from "./plan.js";

/** Runs of other guests on the same host, and what they share with this one. */

describe.concurrent("a loop device whose number somebody else gets as soon as the guest has let go of it", () => {
  for (const shell of SHELLS) {
    it.each(["not open yet", "open"] as const)(`is no reason to wait, and is left alone: %s (${shell})`, byTurns(2, shell), async (how) => {
      const host = new StubHost(shell);
      try {
        const other = join(host.root, "srv/other-guest.img");
        const taken = join(host.state, "taken");
        writeFileSync(other, "another guest's image");
        host.install(moveProgram(host));
        host.wrap("losetup", how === "open"
          // the kernel marks one that is open to go with its last user, and losetup ends well
          ? `if [ "$1" = --detach ] && [ -e '${taken}' ] && [ "$2" = "$(cat '${taken}')" ]; then echo "$2" >>'${host.state}/marked'; exit 0; fi\nexec "$REAL" "$@"\n`
          : 'exec "$REAL" "$@"\n');
        host.wrap("xl", `"$REAL" "$@"\nstatus=$?\nif [ "$1" = shutdown ]; then '${host.root}/bin/losetup' --find --show '${other}' >'${taken}'; fi\nexit $status\n`);
        await host.run("run");
        expect(host.ended(), host.journalText()).toBe("done");
        expect(readFileSync(taken, "utf8"), "the lowest number that is free").toContain("/loop0");
        expect(readFileSync(join(host.state, "loops/loop0/file"), "utf8")).toBe(other);
        expect(existsSync(join(host.state, "marked")), "nobody has asked for it to go").toBe(false);
      } finally {
        host.remove();
      }
    });
  }
});

describe("the throttle of all mirrors, where two runs hold back theirs", () => {
  const scratch = mkdtempSync(join(SCRATCH, "converge-throttle-"));
  afterAll(() => { rmSync(scratch, { recursive: true }); });

  it.each(SHELLS)("is the least that either asks for, and what one alone asks for once the other is over (%s)", async (shell) => {
    const root = mkdtempSync(join(scratch, "host-"));
    const throttle = join(root, "throttle");
    mkdirSync(join(root, "books/runs/1/out"), { recursive: true });
    writeFileSync(throttle, "77\n");
    const functions = RUNTIME.replace("HERE=$(cd", `HERE='${root}/books/runs/1' # $(cd`).replace("THROTTLE=$ROOT/sys/module/dm_mirror/parameters/raid1_resync_throttle", `THROTTLE='${throttle}'`);
    const { stdout } = await evaluate(shell, `${functions}
RUN='${root}/run'
about slow slow d /c
steer() { for n in 1 2 3 4 5 6 7 8 9 10 11 12; do steer_mirrors "$@"; done; }
throttle_mirrors 2
# a disk with room to spare: it has all of the time soon
steer 100000000 500000000
echo "alone $THROTTLED $(cat "$THROTTLE")"
( about other other d /c; throttle_mirrors 2; echo "both $(cat "$THROTTLE")"; release_throttle )
echo "alone again $(cat "$THROTTLE")"
( about other other d /c; throttle_mirrors 2; steer 100000000 500000000; echo "both fast $(cat "$THROTTLE")" )
# held by the other, it is not to be lowered from a share that it has not got
echo 40 >"$THROTTLE"
steer_mirrors 2000 1000
echo "too fast $THROTTLED $(cat "$THROTTLE")"
release_throttle
echo "the other $(cat "$THROTTLE")"
( about other other d /c; release_throttle )
echo "nobody $(cat "$THROTTLE") $(ls "$RUN")"
`);
    expect(stdout.trim().split("\n")).toEqual([
      "alone 100 100", "both 2", "alone again 100", "both fast 100", "too fast 20 20", "the other 100", "nobody 77",
    ]);
  });
});

describe("xl's own lock, which a migration of another guest to this host has as long as it takes", () => {
  it.each(SHELLS)("is waited for before a guest is touched that has to be built anew right after (%s)", async (shell) => {
    const root = mkdtempSync(join(SCRATCH, "converge-xl-"));
    try {
      for (const folder of ["books/runs/1/out", "proc", "etc/xen", "var/lock"]) mkdirSync(join(root, folder), { recursive: true });
      const lock = join(root, "var/lock/other");
      writeFileSync(lock, "");
      writeFileSync(join(root, "etc/xen/xl.conf"), '# lockfile="/none"\nautoballoon=0\nlockfile="/var/lock/other"\n');
      const { dev, ino } = statSync(lock, { bigint: true });
      const hex = (n: bigint): string => n.toString(16).padStart(2, "0");
      const device = `${hex((dev >> 8n) & 0xfffn)}:${hex(dev & 0xffn)}`;
      const locks = (inode: bigint, kind = "POSIX  ADVISORY  WRITE"): string => `1: FLOCK  ADVISORY  WRITE 7 ${device}:${String(ino)} 0 EOF\n2: ${kind} 4711 ${device}:${String(inode)} 0 EOF\n`;
      const functions = RUNTIME.replace("HERE=$(cd", `HERE='${root}/books/runs/1' # $(cd`);
      const asked = async (text: string, patience = "") => {
        writeFileSync(join(root, "proc/locks"), text);
        const { stdout } = await evaluate(shell, `${functions.replace("readonly OTHERS_CENTIS=90000", `readonly OTHERS_CENTIS=${patience || "90000"}`)}
about web1 web1 d /c
ROOT='${root}'
journal() { echo "$3"; }
sleep() { slept=$((slept + 1)); [ "$slept" -lt 3 ] || : >"$ROOT/proc/locks"; }
slept=0
uptime_now() { UPTIME=$((\${UPTIME:-0} + 100)); }
if verb_await_xl; then echo "free after $slept"; else echo "$SAYS"; fi
`);
        return stdout.trim().split("\n");
      };
      expect(await asked(locks(ino + 1n))).toEqual(["free after 0"]);
      expect(await asked(locks(ino, "POSIX  ADVISORY  READ"))).toEqual(["free after 0"]);
      expect(await asked(locks(ino))).toEqual(["xl is building or receiving another guest (process 4711): it is waited for, before web1 is touched", "free after 3"]);
      expect((await asked(locks(ino), "200")).at(-1)).toBe("xl is building or receiving another guest (process 4711), still: web1 is not touched while that goes on");
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

describe("the turn to have a guest's memory in Dom0's, of which a host has one", () => {
  const scratch = mkdtempSync(join(SCRATCH, "converge-turn-"));
  afterAll(() => { rmSync(scratch, { recursive: true }); });

  it.each(SHELLS)("is waited for before a guest is touched, and not that of a run that has died (%s)", async (shell) => {
    const root = mkdtempSync(join(scratch, "host-"));
    for (const folder of ["books/web1/runs/1/out", "books/other"]) mkdirSync(join(root, folder), { recursive: true });
    const functions = RUNTIME.replace("HERE=$(cd", `HERE='${root}/books/web1/runs/1' # $(cd`).replace("readonly OTHERS_CENTIS=90000", "readonly OTHERS_CENTIS=2000");
    const { stdout } = await evaluate(shell, `${functions}
RUN='${root}/run'
about web1 web1 d /c
journal() { echo "$3"; }
ticks=0
uptime_now() { UPTIME=$((\${UPTIME:-0} + 100)); }
sleep() { ticks=$((ticks + 1)); [ "$ticks" -ne 3 ] || (about other other d /c; give_turn); }
take() { ticks=0; if verb_await_turn; then echo "$1: after $ticks, $(cat "$RUN/.turn")"; else echo "$1: $SAYS"; fi; }
take 'nobody has it'
take 'its own'
give_turn
# a run that is under way holds the lock of its guest's books
exec 7>'${root}/books/other/lock'
flock 7
(about other other d /c; verb_await_turn)
take 'given in the end'
(about other other d /c; give_turn)
echo "not its own to give: $(cat "$RUN/.turn")"
give_turn
(about other other d /c; verb_await_turn)
sleep() { :; }
take 'not given'
exec 7>&-
take 'of one that has died'
echo other >"$RUN/.turn"
rm '${root}/books/other/lock'
take 'of one whose books are gone'
give_turn
echo "left: $(ls -A "$RUN")"
rmdir "$RUN"
: >"$RUN"
take 'no place for it'
`);
    expect(stdout.trim().split("\n")).toEqual([
      "nobody has it: after 0, web1", "its own: after 0, web1",
      "a run of other has its guest's memory in Dom0's: it is waited for, before web1 is touched", "given in the end: after 3, web1",
      "not its own to give: web1",
      "a run of other has its guest's memory in Dom0's: it is waited for, before web1 is touched",
      "not given: a run of other has its guest's memory in Dom0's, still: web1 is not touched while that goes on",
      "of one that has died: after 0, web1", "of one whose books are gone: after 0, web1", "left: ",
      `no place for it: ${root}/run cannot be locked, or not be written to`,
    ]);
  });
});

describe("the memory of a clone, while another run has its guest away", () => {
  const scratch = mkdtempSync(join(SCRATCH, "converge-away-"));
  afterAll(() => { rmSync(scratch, { recursive: true }); });

  it.each(SHELLS)("is looked at once that guest is back, and not waited for where that run has died (%s)", async (shell) => {
    const root = mkdtempSync(join(scratch, "host-"));
    for (const folder of ["books/web1/runs/1/out", "books/other", "run/web1", "run/other"]) mkdirSync(join(root, folder), { recursive: true });
    for (const guest of ["web1", "other"]) writeFileSync(join(root, "run", guest, "beat"), "");
    const functions = RUNTIME.replace("HERE=$(cd", `HERE='${root}/books/web1/runs/1' # $(cd`);
    const { stdout } = await evaluate(shell, `${functions}
RUN='${root}/run'
about web1 web1 d /c
journal() { echo "$3"; }
uptime_now() { UPTIME=$((\${UPTIME:-0} + 100)); }
xl() { echo "free_memory            : 64"; }
ticks=0
sleep() { ticks=$((ticks + 1)); [ "$ticks" -ne 2 ] || rm "$RUN/other/beat"; }
exec 7>'${root}/books/other/lock'
flock 7
verb_guard_memory 1048576 && echo "room after $ticks"
: >"$RUN/other/beat"
exec 7>&-
verb_guard_memory 1048576 && echo "room after $ticks, its run has died"
verb_guard_memory 104857600 || echo "$SAYS"
`);
    expect(stdout.trim().split("\n")).toEqual([
      "a run of other has its guest away: it is waited for, before web1 is touched", "room after 2", "room after 2, its run has died",
      "the hypervisor has 64 MiB free, and the clone takes 100 MiB",
    ]);
  });
});
