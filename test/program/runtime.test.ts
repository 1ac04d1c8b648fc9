import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, lutimesSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { embedRuntime } from "../../scripts/embed-runtime.js";
import { isTemporary } from "../../src/core/goals/temporary.js";
import { compileCalls, compileProgram, hangsAfter } from "../../src/core/program/compile.js";
import { QMP, RUNTIME } from "../../src/core/program/runtime.generated.js";
import { safeName } from "../../src/core/model/names.js";
import { virtualDeviceNumber } from "../../src/core/xl/vdev.js";
import { tempFolder } from "../support/temp-folder.js";
import { lacks } from "../support/tools.js";
import { SHELLS, StubHost, byTurns, evaluate, shellsOf } from "./host.js";
import { journal } from "./invariants.js";
import { moveNodes, planOf, raw, rawStep, sha256 } from "./plan.js";
import { scopeCommand } from "../../src/core/model/unit.js";

const scratch = mkdtempSync(join(tmpdir(), "converge-runtime-"));
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
});
mkdirSync(join(scratch, "b/r/1/out"), { recursive: true });
/** The runtime's functions, in a directory where they may write. */
const FUNCTIONS = `${RUNTIME.replace("HERE=$(cd", `HERE='${scratch}/b/r/1' # $(cd`)}\nabout d d digest /c\n`;

it.each([
  { downtimeSeconds: 5, budgetSeconds: 30, seconds: 120 },
  { downtimeSeconds: 60, budgetSeconds: 90, seconds: 300 },
  { downtimeSeconds: 27, budgetSeconds: 900, seconds: 900 },
  { downtimeSeconds: 27, budgetSeconds: -1, seconds: 135 },
  { downtimeSeconds: 27, budgetSeconds: Infinity, seconds: 135 },
])("a command hangs after $seconds s where a downtime of $downtimeSeconds s is forecast, and $budgetSeconds s are the budget", ({ seconds, ...estimate }) => {
  expect(hangsAfter(estimate)).toBe(seconds);
});

it.each(SHELLS)("the downtimes of two switches and of a comparison count together, each once (%s)", async (shell) => {
  const { stdout, stderr } = await evaluate(shell, `${FUNCTIONS}
uptime_now() { UPTIME=$CLOCK; }
domain_state() { DOMID=7 STATE=-b----; }
journal_kept() { echo "$5"; }
CLOCK=1100 DOWN_AT=1000
verb_wait_ready web1 9 command -- true
CLOCK=1200
verb_wait_ready web1 9 command -- true
CLOCK=2050 DOWN_AT=2000 HELD_CENTIS=25
verb_wait_ready web1 9 command -- true`);
  expect(stdout, stderr).toBe("1.00\n1.00\n1.75\n");
});

it.each(SHELLS)("a copy whose file system is not in order can be got rid of, and it is said how (%s)", async (shell) => {
  const { stdout, stderr } = await evaluate(shell, `${FUNCTIONS}
e2fsck() { return "$CODE"; }
xfs_repair() { return "$CODE"; }
for CODE in 0 4 8; do verb_check_copy vg0/web1-root -- e2fsck -f -n /dev/vg0/web1-root; echo "$? $SAYS"; SAYS=; done
CODE=1
verb_check_copy vg0/web1-root -- xfs_repair -n /dev/vg0/web1-root; echo "$? $SAYS"`);
  const advice = "the file system of the copy is not in order. Where the next run says so too, begin anew: lvremove vg0/web1-root (the image has all that is in it)";
  expect(stdout.split("\n"), stderr).toEqual(["0 ", `4 e2fsck ended with 4: ${advice}`, "8 e2fsck ended with 8", `1 xfs_repair ended with 1: ${advice}`, ""]);
});

it.each(SHELLS)("a domain is there whatever it has shut down for: xl tells that by a letter of its own (%s)", async (shell) => {
  const letters = ["---s--", "---sr-", "---ss-", "---sc-", "---sw-", "---sS-", "---s?-", "---ssd"];
  const { stdout, stderr } = await evaluate(shell, `${FUNCTIONS}
xl() { printf 'Name ID Mem VCPUs\\tState\\tTime(s)\\nweb 1 7 512 1 %s 3.2\\n' "$SHOWN"; }
for SHOWN in ${letters.map((each) => `'${each}'`).join(" ")}; do
  STATE=; domid_state 7; echo "$? $STATE"
  STATE=; domain_state 'web 1'; echo "$? $STATE"
done`);
  expect(stdout.split("\n"), stderr).toEqual([...letters.flatMap((each) => [`0 ${each}`, `0 ${each}`]), ""]);
});

describe("what was never given a UUID", () => {
  const NONE = "00000000-0000-0000-0000-000000000000";

  it.each(SHELLS)("is made as it was: blkid tells no UUID that is all zeroes (%s)", async (shell) => {
    const { stdout, stderr } = await evaluate(shell, `${FUNCTIONS}
ask_volume() { ANSWER=converge,converge.role=copy; }
blkid() { cat '${scratch}/blkid'; }
printf 'DEVNAME=/dev/vg0/swap\nVERSION=1\nTYPE=swap\nUSAGE=other\n' >'${scratch}/blkid'
goal_content vg0/swap swap ${NONE}; echo $?
goal_content vg0/swap swap 5d1e38f4-0c2b-4f5e-9a53-2f4ac8a9f001; echo $? "$SAYS"
printf 'TYPE=swap\nUUID=5d1e38f4-0c2b-4f5e-9a53-2f4ac8a9f001\n' >'${scratch}/blkid'
goal_content vg0/swap swap ${NONE}; echo $?
goal_content vg0/swap swap 5d1e38f4-0c2b-4f5e-9a53-2f4ac8a9f001; echo $?`);
    expect(stdout.split("\n"), stderr).toEqual([
      "0", `1 vg0/swap holds swap ${NONE}, not swap 5d1e38f4-0c2b-4f5e-9a53-2f4ac8a9f001`, "1", "0", "",
    ]);
  });
});

const NAMES_OF_DEVICES = [
  "xvda", "xvda1", "xvdp15", "xvdq", "xvda16", "xvdzz3", "d536p37", "d0p1", "d0p0", "51713", "0xca01", "0145001", "hda", "hdb1", "hdc", "hdd2", "hde",
  "sda", "sdb3", "sdp15", "sdq", "sda16", "xvda01", "xvda256", "xvd", "d0", "d0p", "dp1", "foo", "08", "0x", "9x",
];

it.each(SHELLS)("a virtual device is known by its number, whatever it is called (%s)", async (shell) => {
  const { stdout, stderr } = await evaluate(shell, `${FUNCTIONS}\nfor name in ${NAMES_OF_DEVICES.map((name) => `'${name}'`).join(" ")}; do vdev_number "$name"; echo "$name $NUMBER"; done`);
  expect(stdout.split("\n").slice(0, -1), stderr).toEqual(NAMES_OF_DEVICES.map((name) => `${name} ${String(virtualDeviceNumber(name) ?? "")}`));
});

it("so it is where QEMU is spoken to", () => {
  const functions = QMP.slice(QMP.indexOf("def device_of"), QMP.indexOf("def path_of"));
  const script = `import json, re, sys\n${functions}\nprint(json.dumps([device_of(name) for name in sys.argv[1:]]))`;
  const names = NAMES_OF_DEVICES.filter((name) => virtualDeviceNumber(name) !== undefined);
  expect(JSON.parse(execFileSync("python3", ["-c", script, ...names, "foo", "xvd", "08", "hde"], { encoding: "utf8" })))
    .toEqual([...names.map((name) => virtualDeviceNumber(name)), "foo", "xvd", "08", "hde"]);
});

it.each(SHELLS)("a guest is on its disk by whatever name it was built with: its config is not taken back from under it for that (%s)", async (shell) => {
  const { stdout, stderr } = await evaluate(shell, `${FUNCTIONS}
domid_of() { DOMID=7; }
served_disks() { SERVED="xvda1 fd:3$LINE"; }
backends_of() { echo "vbd 51713"; }
backend_value() { echo xvda1; }
backend_is_on() { [ "$4" = /dev/vg0/web1-root ]; }
for vdev in xvda1 51713 d0p1 xvda2; do
  goal_attached web1 "$vdev" /dev/vg0/web1-root
  echo "$vdev $?"
done
goal_attached web1 d0p1 /srv/xen/web1.img
echo "elsewhere $?"`);
  expect(stdout, stderr).toBe("xvda1 0\n51713 0\nd0p1 0\nxvda2 2\nelsewhere 2\n");
});

describe("the runtime", () => {
  it("is embedded as it stands in its files", () => {
    for (const [path, text] of embedRuntime(".")) expect(readFileSync(path, "utf8"), "run `npm run generate`, and commit what it writes").toBe(text);
  });

  it("has all of its files, or it is said where one that is new has to be named", () => {
    const root = tempFolder("runtime");
    cpSync("src/core/program/runtime", join(root, "src/core/program/runtime"), { recursive: true });
    expect(embedRuntime(root).size).toBe(1);
    writeFileSync(join(root, "src/core/program/runtime/more.sh"), "more() { :; }\n");
    expect(() => embedRuntime(root)).toThrow("more.sh: in no program so far: name it in PARTS of scripts/embed-runtime.ts");
  });

  it.skipIf(lacks("shellcheck"))("is clean to shellcheck, with a program around it", { tags: "long" }, () => {
    const host = new StubHost("dash");
    const calls = compileCalls(planOf("web1", moveNodes(host)), { raw }, { config: "/c" });
    host.remove();
    const files = execFileSync("find", ["src/core/program/runtime", "-name", "*.sh"], { encoding: "utf8" }).trim().split("\n");
    const checked = spawnSync("shellcheck", files, { encoding: "utf8" });
    expect(checked.stdout).toBe("");
    const program = spawnSync("shellcheck", ["-s", "sh", "-e", "SC2317,SC2034", "-"], { encoding: "utf8", input: calls });
    expect(program.stdout).toBe("");
  });

  it("puts before what makes a guest the words that the preview shows", () => {
    const source = readFileSync("src/core/program/runtime/verbs/guest.sh", "utf8").replaceAll(/\\\n\s*/g, "");
    const shown = scopeCommand("$SAFE").map((word) => word.replaceAll("_24SAFE", "$SAFE"));
    const ran = shown.map((word) => word.includes("$") ? word.replace(/^(--\w+=)(.*)$/, '$1"$2"').replace("TIME-PID-NUMBER", "${NOW%.*}-$$$$-$SCOPES") : word);
    expect(source).toContain(`run_command ${ran.join(" ")} `);
  });

  it("is called with quoted words only", () => {
    const calls = compileCalls(
      planOf("a b", [rawStep("x", "prepare", { title: "it's $(me)", actions: [{ command: ["echo", "`id`", "-n", "a\nb"] }] })]),
      { raw },
      { config: "/etc/xen/a b.cfg" },
    );
    expect(calls).toContain(`about 'a b' a_20b sha256:d1 '/etc/xen/a b.cfg'`);
    expect(calls).toContain("act plain -- echo '`id`' -n 'a\nb'");
    expect(calls).toContain(`step 1 x raw prepare 'it'\\''s $(me)'`);
  });

  it.each([
    ["unknown verb", { title: "", actions: [{ verb: ["rm_rf"] as const, shown: "" }] }],
    ["unknown watch", { title: "", actions: [{ verb: ["watch", "me"] as const, shown: "" }] }],
  ])("is never called with an %s", (_name, args) => {
    expect(() => compileProgram(planOf("d", [rawStep("x", "prepare", args)]), { raw }, { config: "/c" })).toThrow(RangeError);
  });

  it("is never called with an id that is not plain", () => {
    expect(() => compileProgram(planOf("d", [rawStep("x y", "prepare", { title: "", actions: [] })]), { raw }, { config: "/c" })).toThrow(RangeError);
  });

  it("knows what is there for the run only", () => {
    expect(isTemporary({}, [{ goal: "mounted", target: "/t", source: "/s" }])).toBe(true);
    expect(isTemporary({}, [])).toBe(false);
    expect(isTemporary({ temporary: true }, [])).toBe(true);
    expect(isTemporary({}, [{ goal: "volume-tagged", volume: "a/b", tags: [] }])).toBe(false);
  });
});

describe.each(SHELLS)("under %s", (shell) => {
  it("strings of any bytes become JSON", byTurns(1, shell), async () => {
    const samples = ["", "plain", `a "b" \\c`, "a\nb\tc\r", "ünï→😀", "$(id) `id`", "-n", "\u0001\u007f", "'", "{}[]"];
    const script = `${FUNCTIONS}\nfor word do json_string "$word"; printf '%s\\n' "$JSON"; done`;
    const ran = await evaluate(shell, script, samples);
    expect(ran.stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as unknown)).toEqual(samples);
    // no UTF-8: the same as the WHATWG decoder says, but for how many U+FFFD a broken sequence becomes
    const bytes = String.raw`\303\050 \377 \360\237\230 \300\200 \355\240\200 ok`;
    const bad = await evaluate(shell, `${FUNCTIONS}\njson_string "$(printf '${bytes}')"; printf '%s' "$JSON"`);
    expect((JSON.parse(bad.stdout) as string).replace(/�+/g, "?")).toBe("?( ? ? ? ? ok");
  });

  it("only numbers become numbers", byTurns(2, shell), async () => {
    const script = `${FUNCTIONS}\nfor word do json_number "$word"; printf '%s ' "$JSON"; done`;
    const ran = await evaluate(shell, script, ["1", "-1", "0.5", "", "x", "1.", ".5", "1.2.3", "1-2", "007", "0", "12345678901234"]);
    expect(ran.stdout).toBe("1 -1 0.5 0 0 0 0 0 0 0 0 12345678901234 ");
  });

  it("times are counted in hundredths", byTurns(0, shell), async () => {
    const script = `${FUNCTIONS}\nfor word do hundredths "$word"; seconds "$CENTIS"; printf '%s=%s ' "$CENTIS" "$SECONDS_TEXT"; done`;
    const ran = await evaluate(shell, script, ["0", "12", "12.5", "0.08", "1.09", "3.999"]);
    expect(ran.stdout).toBe("0=0.00 1200=12.00 1250=12.50 8=0.08 109=1.09 399=3.99 ");
  });

  // hundredths: pass, min, max, new, old, budget, overhead, and how long a first pass may take that is enough
  it.each([
    [[1, 2, 5, 100, -1, 3000, 500], "again"],
    [[2, 2, 5, 100, 5000, 3000, 500], "fits"],
    [[1, 1, 5, 90000, -1, 3000, 500], "again"],
    [[2, 1, 5, 5000, 90000, 3000, 500], "again"],
    [[3, 1, 5, 4000, 5000, 3000, 500], "no longer shrinks"],
    [[3, 1, 5, 3999, 5000, 3000, 500], "again"],
    [[5, 1, 5, 3999, 5000, 3000, 500], "as many passes as allowed"],
    [[2, 1, 5, 2400, 9000, 3000, 500], "fits"],
    [[2, 1, 5, 2401, 9000, 3000, 500], "again"],
    [[1, 1, 5, 100, -1, -1, 500], "again"],
    [[2, 1, 5, 100, 110, -1, 500], "no longer shrinks"],
    [[5, 1, 5, 100, 9000, -1, 500], "as many passes as allowed"],
    [[1, 1, 5, 1000, -1, 3000, 500, 1000], "fits"],
    [[1, 1, 5, 1000, -1, -1, 500, 1000], "short enough"],
    [[1, 1, 5, 1000, -1, 1599, 500, 1000], "again"],
    [[1, 1, 5, 1001, -1, 3000, 500, 1000], "again"],
    [[1, 1, 5, 1001, -1, -1, 500, 1000], "again"],
    [[2, 1, 5, 1001, 1001, -1, 500, 1000], "no longer shrinks"],
  ])("after a pass %j: %s", byTurns(0, shell), async (numbers, verdict) => {
    const ran = await evaluate(shell, `${FUNCTIONS}\npass_verdict "$@"; printf '%s' "$PASS_VERDICT"`, numbers.map(String));
    expect(ran.stdout).toBe(verdict);
  });

  it("progress of rsync is read", byTurns(1, shell), async () => {
    const file = join(scratch, "progress");
    writeFileSync(file, "sending\n\r     32,768   0%    0.00kB/s    0:00:00\r  1,234,567  45%   12.50MB/s    1:02:03 (xfr#5, to-chk=1/9)\r");
    const ran = await evaluate(shell, `${FUNCTIONS}\njournal() { printf '%s ' "$@"; }\nreport_progress x "$1"`, [file]);
    expect(ran.stdout).toBe("progress id x bytes# 1234567 percent# 45 rate# 13107200 left# 3723 ");
  });

  it("edits are by byte, and by hash", { tags: "long" }, async () => {
    const edits = fc
      .tuple(fc.array(fc.constantFrom("a", "ü", "\n", "'", '"', "$(x)", "\\", " ", "😀", "%s"), { maxLength: 30 }), fc.array(fc.nat(30), { maxLength: 6 }))
      .map(([parts, cuts]) => ({ bytes: Buffer.from(parts.join("")), cuts }));
    const texts = ["", "new", "ü'\"$(id)\n", "%s\\n", "-n"];
    for (const [index, { bytes, cuts }] of fc.sample(edits, 12).entries()) {
      const path = join(scratch, `edit ${shell} ${String(index)}`);
      writeFileSync(path, bytes);
      const places = cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b);
      if (places.length % 2 === 1) places.pop();
      const args: string[] = [];
      const pieces: Buffer[] = [];
      let at = 0;
      for (let i = 0; i < places.length; i += 2) {
        const [from = 0, to = 0] = [places[i], places[i + 1]];
        const text = texts[(index + i) % texts.length] ?? "";
        args.push(String(from), String(to), text);
        pieces.push(bytes.subarray(at, from), Buffer.from(text));
        at = to;
      }
      const after = Buffer.concat([...pieces, bytes.subarray(at)]);
      const script = `${FUNCTIONS}\nverb_edit_config "$@" || { echo "$SAYS"; exit 1; }`;
      const ran = await evaluate(shell, script, [path, sha256(bytes), sha256(after), ...args]);
      expect(ran).toEqual({ code: 0, stdout: "", stderr: "" });
      expect(readFileSync(path).equals(after)).toBe(true);
      const back = await evaluate(shell, `${FUNCTIONS}\nverb_restore_config "$@"`, [path, sha256(after)]);
      expect(back.code).toBe(0);
      expect(readFileSync(path).equals(bytes)).toBe(true);
    }
  });

  it("a config that somebody else edited is left alone", byTurns(2, shell), async () => {
    const path = join(scratch, "theirs");
    writeFileSync(path, "theirs");
    const ran = await evaluate(shell, `${FUNCTIONS}\nverb_edit_config "$@"; echo "$? $SAYS"`, [path, sha256("ours"), sha256("new"), "0", "4", "new"]);
    expect(ran.stdout).toContain("was changed by somebody else");
    expect(readFileSync(path, "utf8")).toBe("theirs");
  });

  it("looking whether somebody has one disk leaves alone which DRBD resource is waited for", byTurns(0, shell), async () => {
    const script = `${FUNCTIONS}
resource_of() { RESOURCE=$1 MINOR=1 COPY_MINOR=2; }
node_number() { NODE=$1; }
mounts_of() { :; }
swaps_on() { return 1; }
RESOURCE=waited-for MINOR=900 COPY_MINOR=901
nothing_on /nowhere "an image" "$ROOT/dev/drbd/another" && printf '%s %s %s\\n' "$RESOURCE" "$MINOR" "$COPY_MINOR"`;
    const ran = await evaluate(shell, script);
    expect(ran.stdout, ran.stderr).toBe("waited-for 900 901\n");
  });

  it("what was fresh is distrusted, whatever its name", byTurns(1, shell), async () => {
    const source = join(scratch, `source ${shell}`);
    const target = join(scratch, `target ${shell}`);
    const names = ["plain", "a b", "new\nline", "-n", "q'uo\"te", "$(id)", "ü", "sub/x"];
    for (const root of [source, target]) {
      mkdirSync(join(root, "sub"), { recursive: true });
      for (const name of names) {
        writeFileSync(join(root, name), "x");
        utimesSync(join(root, name), 1_000_000_000, 1_000_000_000);
      }
      symlinkSync("/etc/passwd", join(root, "link"));
      lutimesSync(join(root, "link"), 1_000_000_000, 1_000_000_000);
    }
    const passwd = statSync("/etc/passwd").mtimeMs;
    const script = `${FUNCTIONS}\nOUT=$HERE/out/x\nverb_distrust_fresh "$@"; echo "$? $SAYS"`;
    const ran = await evaluate(shell, script, [source, target, "900"]);
    expect(ran.stdout).toBe("0 \n");
    for (const name of names) {
      expect(statSync(join(target, name)).mtimeMs, name).toBeCloseTo(71_823_987.654, 1);
      expect(statSync(join(source, name)).mtimeMs, name).toBe(1e12);
    }
    expect(statSync("/etc/passwd").mtimeMs).toBe(passwd);
    // Dom0's clock was set back: everything lies in the future, and all of it may be fresh
    for (const name of names) utimesSync(join(target, name), 1_000_000_000, 1_000_000_000);
    const back = script.replace("verb_distrust_fresh", "date() { echo 1000; }\nverb_distrust_fresh");
    expect((await evaluate(shell, back, [source, target, "900"])).stdout).toBe("0 \n");
    for (const name of names) expect(statSync(join(target, name)).mtimeMs, `${name}, clock set back`).toBeCloseTo(71_823_987.654, 1);
    // a file that the copy lacks, or that is a link there
    rmSync(join(target, "a b"));
    expect((await evaluate(shell, script, [source, target, "900"])).stdout).toMatch(/^1 files that were fresh/);
    symlinkSync("/etc/passwd", join(target, "a b"));
    expect((await evaluate(shell, script, [source, target, "900"])).stdout).toMatch(/^1 files that were fresh/);
    expect(statSync("/etc/passwd").mtimeMs).toBe(passwd);
    // none is within a window that lies in the future
    rmSync(join(target, "a b"));
    expect((await evaluate(shell, script, [source, target, "-5"])).stdout).toBe("0 \n");
  });

  it("paths outside of converge's own are refused", byTurns(2, shell), async () => {
    const run = join(scratch, "root", "run/converge");
    mkdirSync(join(run, "web1"), { recursive: true });
    rmSync(join(run, "out"), { force: true });
    symlinkSync("/etc", join(run, "out"));
    const script = `${FUNCTIONS}\nRUN='${run}'\nfor path do ours "$path" && echo "$path"; done`;
    const paths = ["/etc/x", `${run}/web1/loop`, `${run}/../x`, `${run}/out/x`, `${run}/web1/../../x`, run, `${run}/web1/./x`];
    expect((await evaluate(shell, script, paths)).stdout).toBe(`${run}/web1/loop\n`);
  });

  it("a long list that a signal cuts short does not pass for all that there is", { tags: "long" }, async () => {
    const list = join(scratch, "list");
    writeFileSync(list, [...Array.from({ length: 150 }, (_, i) => `other${String(i)} LVM-${"x".repeat(64)} 0`), "ours CONVERGE-ours 1", ""].join("\n"));
    const script = `${FUNCTIONS}
file='${list}'
dmsetup() { case $1 in info) cat "$file" ;; *) echo '0 8 linear 7:0 0' ;; esac; }
# the program itself has no trap under bash
trap "$([ -n "\${BASH_VERSION:-}" ] || echo :)" USR1
main=$$
( while kill -USR1 "$main" 2>/dev/null; do sleep 0.002; done ) &
storm=$!
tries=60 found=0
while [ "$tries" -gt 0 ]; do
  tries=$((tries - 1))
  mapping_of ours
  case $? in 0) found=$((found + 1)) ;; 1) echo "absent: $SAYS" ;; esac
done
kill "$storm"
mapping_of none
echo "$? found=$found"`;
    const { stdout, stderr } = await evaluate(shell, script);
    expect(stdout, stderr).toMatch(/^[12] found=\d\d\n$/);
  });

  it("a volume that gives errors does not pass for one that was used meanwhile", byTurns(2, shell), async () => {
    const volume = join(scratch, `volume-${shell.replace(" ", "-")}`);
    writeFileSync(volume, "x".repeat(70_000));
    const script = `${FUNCTIONS}
boot_id() { echo "$BOOT"; }
sectors_written() { NODE=253:2 WRITTEN=$COUNT; }
node_number() { NODE=253:2; }
volume=$1 dir=$2 BOOT=boot-1 COUNT=8
verb_note_disks "$volume" || echo "not noted: $SAYS"
used() { SAYS=; used_meanwhile xvda1 "$1"; echo "$? $SAYS"; }
used "$dir"
used "$volume"
COUNT=9
used "$dir"
BOOT=boot-2 COUNT=0
used "$volume"
used "$dir"
printf y >>"$volume.new" && cat "$volume" >>"$volume.new"
used "$volume.new"
verb_note_disks "$dir" || echo "not noted: $SAYS"`;
    const { stdout } = await evaluate(shell, script, [volume, scratch]);
    expect(stdout.split("\n")).toEqual([
      "1 ", "1 ", "0 ", "1 ", `2 ${scratch} can not be read: whether d has been on it since is not known`, "0 ",
      `not noted: cannot see what was written to ${scratch}`, "",
    ]);
  });
});

describe.each(shellsOf(0))("of a guest's disks that were noted, under %s", (shell) => {
  it.each([
    { gone: "first", boot: "boot-1" }, { gone: "first", boot: "boot-2" }, { gone: "unread", boot: "boot-2" },
  ])("one is seen to have been used meanwhile also where the one before it is $gone by now, in $boot", async ({ gone, boot }) => {
    const script = `${FUNCTIONS}
BOOT=boot-1 GONE= NUMBER=8
boot_id() { echo "$BOOT"; }
node_number() { [ "$1" != "$GONE" ] && NODE=253:\${#1}; }
sectors_written() { node_number "$1" && [ "$BOOT" = boot-1 ] && WRITTEN=$NUMBER; }
head_sum() { [ "$1" != unread ] && SUM=$NUMBER; }
verb_note_disks "$1" second || echo "not noted: $SAYS"
BOOT=$2
[ "$1" = unread ] || GONE=$1
used_meanwhile xvda1 "$1" xvda2 second; echo $?
NUMBER=9
used_meanwhile xvda1 "$1" xvda2 second; echo "$? $USED"`;
    const noting = gone === "unread" ? script.replace('head_sum() { [ "$1" != unread ] &&', 'head_sum() { [ "$BOOT" = boot-1 ] || [ "$1" != unread ] &&') : script;
    const { stdout, stderr } = await evaluate(shell, noting, [gone, boot]);
    expect(stdout.split("\n"), stderr).toEqual([gone === "unread" ? "2" : "1", "0 second", ""]);
  });
});

describe("hostile names", () => {
  for (const { domain, shell, tags } of [
    { domain: "a b", shell: "dash", tags: ["long"] }, { domain: `q'"u$(id)\`x\``, shell: "bash", tags: [] },
    { domain: "-n ünï\nnew", shell: "busybox sh", tags: [] }, { domain: "..", shell: "dash", tags: ["long"] },
  ] as const) it.concurrent(
    `${JSON.stringify(domain)} is a guest like any other`, { tags: [...tags] },
    async () => {
      const safe = safeName(domain);
      const host = new StubHost(shell, "web1", safe);
      try {
        const steps = moveNodes(host).slice(0, 3);
        const titled = rawStep("title", "prepare", {
          title: domain,
          actions: [{ command: ["printf", "%s", domain] }, { command: ["sh", "-c", "printf '%s\\377\\n' \"$1\" >&2; exit 7", "sh", domain] }],
        });
        host.install(compileProgram(planOf(domain, [...steps, titled]), { raw }, { config: host.config }));
        const ran = await host.run("run");
        expect(ran.stderr).toBe("");
        const events = journal(host);
        expect(events[0]).toMatchObject({ event: "begin", domain });
        expect(events.find((event) => event.event === "failed")).toMatchObject({
          id: "title", exit: 7, tail: `${domain}${domain}�`,
        });
        expect(JSON.parse((await host.run("status")).stdout)).toMatchObject({ domain, outcome: "failed" });
      } finally {
        host.remove();
      }
    },
  );
});
