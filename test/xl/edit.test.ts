import { describe, expect, it } from "vitest";
import { editDisks } from "../../src/core/xl/edit.js";
import { applyEdits, invertEdits, replaceBytes } from "../../src/core/xl/text-edit.js";

const DEVICE = "/dev/vg0/web1-root";

/** A disk's literal before and after `xvda1` has moved to the device. */
const STYLES: readonly (readonly [before: string, after: string])[] = [
  ["'file:/srv/x.img,xvda1,w'", "'phy:/dev/vg0/web1-root,xvda1,w'"],
  ["'tap:aio:/srv/x.img,xvda1,w'", "'phy:/dev/vg0/web1-root,xvda1,w'"],
  ["'tap:qcow2:/srv/x.img,xvda1,w'", "'phy:/dev/vg0/web1-root,xvda1,w'"],
  ["'qcow2:/srv/x.img,xvda1,r'", "'phy:/dev/vg0/web1-root,xvda1,r'"],
  ["'drbd:web1,xvda1,w'", "'phy:/dev/vg0/web1-root,xvda1,w'"],
  ["'phy:vg9/old,xvda1,w'", "'phy:/dev/vg0/web1-root,xvda1,w'"],
  ['"/srv/x.img,raw,xvda1,rw"', '"/dev/vg0/web1-root,raw,xvda1,rw"'],
  ['"/srv/x.img,,xvda1"', '"/dev/vg0/web1-root,,xvda1"'],
  ['"/srv/x.img, qcow2, xvda1, w"', '"/dev/vg0/web1-root, raw, xvda1, w"'],
  [
    '"vdev=xvda1, access=rw, format=qcow2, target=/srv/x, y=z.img"',
    '"vdev=xvda1, access=rw, format=raw, target=/dev/vg0/web1-root"',
  ],
  [
    '"format=vhd,vdev=51713,backendtype=qdisk,discard,target=/srv/x.vhd"',
    '"format=raw,vdev=51713,backendtype=phy,discard,target=/dev/vg0/web1-root"',
  ],
  [
    '"/srv/x.img,raw,xvda1,w,backendtype=qdisk,direct-io-safe"',
    '"/dev/vg0/web1-root,raw,xvda1,w,backendtype=phy,direct-io-safe"',
  ],
  ["'/srv/it\\'s.img,raw,d0p1,w,no-discard'", "'/dev/vg0/web1-root,raw,d0p1,w,no-discard'"],
  ["'script=block-iscsi,vdev=xvda1,target=iqn=x'", "'vdev=xvda1,target=/dev/vg0/web1-root'"],
  [
    "'script=/opt/block-tier,vdev=xvda1,target=/srv/x'",
    "'script=/opt/block-tier,vdev=xvda1,target=/dev/vg0/web1-root'",
  ],
];

const around = (disk: string): string => `# head — ümläut
name = 'web1'   ;memory = 128
disk = [ # the disks
\t'phy:/dev/vg0/other,xvda2,w' ,
   ${disk}  ,  # root, "quoted"
  'phy:/dev/vg0/🦊,xvdb,w',
]
extra = "console=hvc0"`;

describe("editing a disk in place", () => {
  it.each(STYLES)("%s → %s", (before, after) => {
    const source = { file: "web1.cfg", text: around(before) };
    const { value, diagnostics } = editDisks(source, [{ vdev: "xvda1", device: DEVICE }]);
    expect(diagnostics).toEqual([]);
    expect(value?.after.text).toBe(around(after));
    expect(applyEdits(around(after), invertEdits(value?.edits ?? []))).toBe(source.text);
    const again = editDisks(value?.after ?? source, [{ vdev: "xvda1", device: DEVICE }]);
    expect(again.value?.edits).toEqual([]);
  });
});

/** A disk's literal before and after `xvda1` has moved to a device that mirrors it, which takes no discards. */
const SILENCED: readonly (readonly [before: string, after: string])[] = [
  ["'file:/srv/x.img,xvda1,w'", "'phy:/dev/vg0/web1-root,no-discard,xvda1,w'"],
  ["'tap:aio:/srv/x.img,xvda1,w,'", "'phy:/dev/vg0/web1-root,no-discard,xvda1,w,'"],
  ["'file:/srv/x.img,xvda1:disk,w'", "'phy:/dev/vg0/web1-root,no-discard,xvda1:disk,w'"],
  ["'drbd:web1,xvda1,w'", "'phy:/dev/vg0/web1-root,no-discard,xvda1,w'"],
  ['"/srv/x.img,,xvda1"', '"/dev/vg0/web1-root,no-discard,,xvda1"'],
  ['"/srv/x.img, qcow2, xvda1, w"', '"/dev/vg0/web1-root,no-discard, raw, xvda1, w"'],
  ["'vdev=xvda1,/srv/x.img'", "'vdev=xvda1,/dev/vg0/web1-root,no-discard'"],
  ["'vdev=xvda1,file:/srv/x.img'", "'vdev=xvda1,phy:/dev/vg0/web1-root,no-discard'"],
  ['"vdev=xvda1, access=rw, target=/srv/x, y=z.img"', '"vdev=xvda1, access=rw, no-discard,target=/dev/vg0/web1-root"'],
  ["'vdev=xvda1,phy:target=/srv/x.img'", "'vdev=xvda1,no-discard,target=/dev/vg0/web1-root'"],
  ["'/srv/x.img,raw,xvda1,w,script=block-drbd'", "'/dev/vg0/web1-root,no-discard,raw,xvda1,w,'"],
  // what the config says of them gives way, and is not said twice
  ["'file:/srv/x.img,xvda1,w,discard'", "'phy:/dev/vg0/web1-root,xvda1,w,no-discard'"],
  ["'vdev=xvda1,discard,target=/srv/x.img'", "'vdev=xvda1,no-discard,target=/dev/vg0/web1-root'"],
  ["'/srv/x.img,raw,xvda1,w,no-discard,discard'", "'/dev/vg0/web1-root,raw,xvda1,w,no-discard,no-discard'"],
  ["'/srv/x.img,raw,xvda1,w,discard,no-discard'", "'/dev/vg0/web1-root,raw,xvda1,w,discard,no-discard'"],
  ["'phy:/dev/vg0/web1-root,xvda1,w'", "'phy:/dev/vg0/web1-root,no-discard,xvda1,w'"],
];

describe("editing a disk to one without discards", () => {
  it.each(SILENCED)("%s → %s", (before, after) => {
    const source = { file: "web1.cfg", text: around(before) };
    const change = { vdev: "xvda1", device: DEVICE, discards: false } as const;
    const { value, diagnostics } = editDisks(source, [change]);
    expect(diagnostics).toEqual([]);
    expect(value?.after.text).toBe(around(after));
    expect(applyEdits(around(after), invertEdits(value?.edits ?? []))).toBe(source.text);
    expect(editDisks(value?.after ?? source, [change]).value?.edits).toEqual([]);
  });
});

/** A disk's literal before and after `xvda1` goes back to a file, and the file's format. */
const BACK: readonly (readonly [before: string, format: "raw" | "qcow2" | "vhd", after: string])[] = [
  ["'phy:/dev/vg0/web1-root,xvda1,w'", "raw", "'file:/srv/x.img,xvda1,w'"],
  ["'phy:/dev/vg0/web1-root,xvda1,w'", "qcow2", "'qcow2:/srv/x.img,xvda1,w'"],
  ['"/dev/vg0/web1-root, raw, xvda1, w"', "qcow2", '"/srv/x.img, qcow2, xvda1, w"'],
  ['"/dev/vg0/web1-root,,xvda1"', "vhd", '"/srv/x.img,vhd,xvda1"'],
  ["'/dev/vg0/web1-root,vdev=xvda1'", "qcow2", "'format=qcow2,/srv/x.img,vdev=xvda1'"],
  ["'vdev=xvda1,target=/dev/vg0/web1-root'", "qcow2", "'vdev=xvda1,format=qcow2,target=/srv/x.img'"],
  ["'vdev=xvda1,phy:target=/dev/vg0/web1-root'", "raw", "'vdev=xvda1,target=/srv/x.img'"],
  [
    '"format=raw,vdev=51713,backendtype=phy,discard,target=/dev/vg0/web1-root"', "vhd",
    '"format=vhd,vdev=51713,backendtype=qdisk,discard,target=/srv/x.img"',
  ],
  [
    '"format=raw,vdev=51713,backendtype=phy,target=/dev/vg0/web1-root"', "raw",
    '"format=raw,vdev=51713,backendtype=phy,target=/srv/x.img"',
  ],
];

describe("editing a disk back to a file", () => {
  it.each(BACK)("%s, %s → %s", (before, format, after) => {
    const source = { file: "web1.cfg", text: around(before) };
    const change = { vdev: "xvda1", device: "/srv/x.img", isFile: true, format };
    const { value, diagnostics } = editDisks(source, [change]);
    expect(diagnostics).toEqual([]);
    expect(value?.after.text).toBe(around(after));
    expect(value?.disks[1]?.format).toBe(format);
    expect(editDisks(value?.after ?? source, [change]).value?.edits).toEqual([]);
  });
});

/** Literals that are not edited, and a part of the reason. */
const REFUSALS: readonly (readonly [disks: string, reason: string, device?: string])[] = [
  ["'/srv/x.img,raw,xvdb,w'", "no disk 'xvda1'"],
  ["'/srv/x.img,raw,xvda1,w', 'phy:/dev/vg0/b,51713,w'", "more than one disk 'xvda1'"],
  ["'/srv/x.iso,raw,xvda1,r,cdrom'", "a CD drive"],
  ["'vdev=xvda1,backend=storage,target=/x'", "served by the domain 'storage'"],
  ["'/x,raw,xvda1,w,specification=virtio'", "a virtio disk"],
  ["'/x,raw,xvda1,w'", "cannot stand where", "/dev/vg0/a,b"],
  ["'phy:/x,xvda1,w'", "cannot stand where", "/dev/vg0/a=b"],
  ["'vdev=xvda1,target=/x'", "edited in place", "/dev/vg0/a,"],
  ["'vdev=xvda1,target=/x'", "cannot be written", "/dev/vg0/\0"],
  ["'qcow2:format=qcow2,/x,xvda1,w'", "edited in place"],
  ["'/x,raw,xvda1,w!'", "xl knows no access 'w!'"],
  ["'/x,raw,xvda1,w", "not closed"],
];

describe("a disk that cannot be edited in place", () => {
  it.each(REFUSALS)("%s: %s", (disks, reason, device = DEVICE) => {
    const source = { file: "web1.cfg", text: `disk = [ ${disks} ]\n` };
    const { value, diagnostics } = editDisks(source, [{ vdev: "xvda1", device }]);
    expect(value).toBeUndefined();
    expect(diagnostics[0]?.summary).toContain(reason);
    expect(diagnostics[0]?.at?.source).toBe(source);
  });

  it("is told of a file that is no UTF-8", () => {
    const source = { file: "web1.cfg", text: "# \uFFFD\ndisk = [ 'phy:/x,xvda1,w' ]\n" };
    expect(editDisks(source, [{ vdev: "xvda1", device: DEVICE }]).diagnostics[0]?.summary).toContain("UTF-8");
  });
});

describe("a target that needs escapes or the form target=", () => {
  it("is written where the form takes it", () => {
    const source = { file: "web1.cfg", text: "disk = [ 'vdev=xvda1,target=/x' ]\n" };
    const { value } = editDisks(source, [{ vdev: "xvda1", device: "/dev/mapper/it's,a\\=b" }]);
    expect(value?.after.text).toBe("disk = [ 'vdev=xvda1,target=/dev/mapper/it\\'s,a\\\\=b' ]\n");
  });
});

it("ranges in bytes are found behind characters of several bytes", () => {
  expect(replaceBytes("äb€c😀d", [{ start: 2, end: 3, text: "B" }, { start: 6, end: 7, text: "" }, { start: 11, end: 12, text: "D!" }]))
    .toBe("äB€😀D!");
  expect(replaceBytes("", [{ start: 0, end: 0, text: "x" }])).toBe("x");
});
