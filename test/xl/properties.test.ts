import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ConfiguredDisk } from "../../src/core/model/domain.js";
import { parseDiskSpec } from "../../src/core/xl/disk-spec.js";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";
import { editDisks, openConfig } from "../../src/core/xl/edit.js";
import { parseXlConfig, printXlConfig } from "../../src/core/xl/parse.js";
import { redact } from "../../src/core/xl/secrets.js";
import { decodeString, encodeString } from "../../src/core/xl/string-literal.js";
import { applyEdits, invertEdits } from "../../src/core/xl/text-edit.js";

/** What people put between things. */
const gap = fc.constantFrom("", " ", "\t", "  ");
const lineEnd = fc.constantFrom(
  "\n",
  " ;",
  "\n\n# ---- ümläut 🦊 'x' \"y [\n",
  " # note\n",
  "\n#vncpasswd='x'\n",
);
const inList = fc.constantFrom("", " ", "\n\t", " # [ one\n  ", "\n\n");
const quote = fc.constantFrom("'" as const, '"' as const);

function quoted(value: string, mark: "'" | '"'): string {
  return `${mark}${encodeString(value, mark) ?? ""}${mark}`;
}

const path = fc.constantFrom(
  "/srv/xen/web1/disk.img",
  "/dev/vg0/lv",
  "/srv/with space/a'b.img",
  '/srv/"q"\\b.img',
  "vg9/rel",
  "/srv/ü🦊.img",
  "",
);
const oddPath = fc.oneof(path, fc.constantFrom("/srv/a,b.img", "/srv/x=y"));
const prefix = fc.constantFrom(
  "phy:",
  "file:",
  "tap:aio:",
  "tap:qcow2:",
  "tap2:tapdisk:",
  "raw:",
  "qcow:",
  "vhd:",
  "drbd:",
  "iscsi:",
  "ioemu:",
);
const format = fc.constantFrom("raw", "qcow2", "qcow", "vhd", "");
const access = fc.constantFrom("", ",w", ",r", ",rw", ",ro", ", w");
const more = fc.constantFrom(
  "",
  ",discard",
  ",no-discard",
  ",direct-io-safe",
  ",backendtype=qdisk",
  ",backendtype=phy",
  ", discard ,",
  ",colo-host=h",
  ",backendtype=tap,no-discard",
  ",script=block-drbd",
  ",script=/etc/xen/scripts/block-own",
);

/** Disks in each style; the device's name is filled in. */
const diskSpec: fc.Arbitrary<(vdev: string) => string> = fc.oneof(
  fc.tuple(prefix, path, access, more).map(
    ([p, t, a, m]) =>
      (v: string) =>
        `${p}${t},${v}${a === "" ? ",w" : a}${m}`,
  ),
  fc.tuple(path, format, access, more).map(
    ([t, f, a, m]) =>
      (v: string) =>
        `${t},${f},${v}${a === "" ? "," : a}${m}`,
  ),
  fc.tuple(oddPath, format, access, more).map(
    ([t, f, a, m]) =>
      (v: string) =>
        `format=${f},vdev=${v}${a.replace(/, ?/, ",access=")}${m.replace(/ ,$/, "")},target=${t}`,
  ),
  fc.tuple(oddPath, more).map(
    ([t, m]) =>
      (v: string) =>
        `vdev=${v}${m.replace(/ ,$/, "")}, target=${t}`,
  ),
);

const VDEVS = ["xvda1", "xvda2", "51744", "d3p0", "sda", "hdb"];
const otherStatement = fc.oneof(
  fc.tuple(fc.constantFrom("memory", "vcpus"), gap, gap).map(([k, a, b]) => `${k}${a}=${b}128`),
  fc
    .tuple(
      fc.constantFrom("name", "extra", "kernel"),
      fc.constantFrom("=", "+="),
      quote,
      fc.string({ maxLength: 8 }),
    )
    .map(([k, op, q, s]) => `${k} ${op} ${quoted(s.replace(/\0/g, ""), q)}`),
  fc.constantFrom("vif = [ 'ip=10.0.0.1', ]", "cpus = [[1], 2]", 'vfb=["vnc=1,vncpasswd=x"]'),
);

interface Sample {
  readonly text: string;
  readonly vdevs: readonly string[];
}

const config: fc.Arbitrary<Sample> = fc
  .record({
    before: fc.array(fc.tuple(otherStatement, lineEnd), { maxLength: 4 }),
    disks: fc.array(fc.tuple(diskSpec, quote, inList, inList), { minLength: 1, maxLength: 5 }),
    // the second half of the disks may be added by another statement
    added: fc.boolean(),
    trailing: fc.boolean(),
    after: fc.array(fc.tuple(otherStatement, lineEnd), { maxLength: 4 }),
  })
  .map(({ before, disks, added, trailing, after }) => {
    const items = disks.map(([spec, q, a, b], i) => a + quoted(spec(VDEVS[i] ?? ""), q) + b);
    const half = added ? Math.ceil(items.length / 2) : items.length;
    const list = (some: readonly string[]): string =>
      `[${some.join(",")}${trailing && some.length > 0 ? " ," : ""}]`;
    const written = (some: readonly (readonly [string, string])[]): string =>
      some.map(([s, e]) => s + e).join("");
    const text =
      `${written(before)}disk = ${list(items.slice(0, half))}\n` +
      (added ? `disk+=${list(items.slice(half))}\n` : "") +
      written(after);
    return { text, vdevs: VDEVS.slice(0, items.length) };
  });

function read(text: string): ReturnType<typeof readDomainConfig> {
  return readDomainConfig("/etc/xen/x.cfg", { file: "x.cfg", text: `${text}\nname = 'x'\n` }, "", 1, "644");
}

/** The part of a disk that a move may not touch. */
function kept({ vdev, access: rights, cdrom, backend }: ConfiguredDisk): unknown {
  return { vdev, rights, cdrom, backend };
}

function discardsOf(text: string): readonly (string | undefined)[] {
  const opened = openConfig({ file: "x", text }).value;
  return (opened?.disks ?? []).map(({ options }) => options["discard"]);
}

describe("an xl config", () => {
  it("keeps every character through parsing", () => {
    fc.assert(
      fc.property(config, ({ text }) => {
        const { value, diagnostics } = parseXlConfig({ file: "x", text });
        expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
        expect(value && printXlConfig(value)).toBe(text);
      }),
    );
  });

  it("is edited in the disk alone, to what was wanted, and back", () => {
    let edited = 0;
    fc.assert(
      fc.property(config, fc.nat(), fc.nat(), fc.boolean(), ({ text, vdevs }, one, two, silenced) => {
        const chosen = [...new Set([vdevs[one % vdevs.length] ?? "", vdevs[two % vdevs.length] ?? ""])];
        const source = { file: "x", text };
        const changes = chosen.map((vdev) => ({ vdev, device: `/dev/vg0/new-${vdev}`, ...(silenced ? { discards: false as const } : {}) }));
        const { value, diagnostics } = editDisks(source, changes);
        const before = read(text).value;
        if (value === undefined) {
          expect(diagnostics.length).toBeGreaterThan(0);
          return;
        }
        edited += 1;
        // what is outside of the edits is there as it was
        const { edits, after } = value;
        expect(applyEdits(text, edits)).toBe(after.text);
        expect(applyEdits(after.text, invertEdits(edits))).toBe(text);
        const bytes = Buffer.from(text, "utf8");
        for (const edit of edits) {
          expect(bytes.subarray(edit.byteStart, edit.byteEnd).toString("utf8")).toBe(edit.replaced);
        }
        const patched: Buffer[] = [];
        let at = 0;
        for (const edit of edits) {
          patched.push(bytes.subarray(at, edit.byteStart), Buffer.from(edit.text, "utf8"));
          at = edit.byteEnd;
        }
        expect(Buffer.concat([...patched, bytes.subarray(at)]).toString("utf8")).toBe(after.text);

        const now = read(after.text).value;
        expect(now?.disks).toEqual(value.disks);
        expect(discardsOf(after.text)).toEqual(discardsOf(text).map((said, i) => (silenced && chosen.includes(vdevs[i] ?? "") ? "0" : said)));
        for (const [i, disk] of (now?.disks ?? []).entries()) {
          const old = before?.disks[i];
          const vdev = vdevs[i] ?? "";
          if (old === undefined || !chosen.includes(vdev)) expect(disk).toEqual(old);
          else {
            expect(kept(disk)).toEqual(kept(old));
            expect(disk).toMatchObject({ target: `/dev/vg0/new-${vdev}`, format: "raw" });
            expect(["phy", undefined]).toContain(disk.backendtype);
            expect(["/etc/xen/scripts/block-own", undefined]).toContain(disk.script);
          }
        }
        expect({ ...now, disks: [], text: "" }).toEqual({ ...before, disks: [], text: "" });
        expect(editDisks(after, changes).value?.edits).toEqual([]);
      }),
      { numRuns: 500 },
    );
    expect(edited).toBeGreaterThan(250);
  });

  it("has strings that are read as they were meant", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), quote, (value, mark) => {
        const inside = encodeString(value, mark);
        if (inside === undefined) return;
        const decoded = decodeString(`${mark}${inside}${mark}`, 0, inside.length + 2);
        expect(decoded.value).toBe(value);
        expect(decoded.places).toHaveLength(value.length + 1);
      }),
    );
  });
});

describe("noise", () => {
  const pieces = fc.constantFrom(
    "disk",
    "=",
    "+=",
    "[",
    "]",
    "'",
    '"',
    "\\",
    "\n",
    "\r",
    "#",
    ",",
    ";",
    "phy:",
    "xvda",
    "target=",
    "raw",
    "\0",
    "\uFEFF",
    "\uD800",
    "é",
    "name='x'\n",
    "disk=['file:/a,xvda1,w']\n",
    "vncpasswd",
    "passw=",
    "1",
    " ",
  );
  const noise = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(pieces, { maxLength: 40 }).map((some) => some.join("")),
    fc.uint8Array().map((bytes) => new TextDecoder("latin1").decode(bytes)),
  );

  it("never makes a reader throw or hang", () => {
    fc.assert(
      fc.property(noise, (text) => {
        const source = { file: "noise", text };
        const { value } = parseXlConfig(source);
        if (value !== undefined) expect(printXlConfig(value)).toBe(text);
        parseDiskSpec(text);
        read(text);
        redact(text);
        editDisks(source, [{ vdev: "xvda1", device: "/dev/vg0/a" }]);
      }),
      { numRuns: 2000 },
    );
  });
});
