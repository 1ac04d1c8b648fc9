import { describe, expect, test } from "vitest";
import { recognise } from "../../src/core/facts/superblock.js";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Content } from "../../src/core/model/storage.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";
import { aHost, aWish, ext4, MIB, sha256, swap, withFullImages, xfs } from "../support/a-host.js";

/** A disk whose head looks raw, and whose config says that it is something else. */
function saidToBe(format: string, content: Content): HostState {
  const host = withFullImages(aHost([{ name: "web1", running: false, disks: { xvda1: { content } }, qdisk: true }]));
  const web1 = host.domains["web1"];
  const text = (web1?.config?.text.text ?? "").replace("format=raw", `format=${format}`);
  const config = readDomainConfig("/etc/xen/web1.cfg", { file: "web1.cfg", text }, sha256(text), 7, "0644").value;
  if (web1 === undefined || config === undefined) throw new Error("no guest");
  return { ...host, domains: { web1: { ...web1, config } } };
}

function refused(state: HostState, strategy: MoveOptions["strategy"]): string {
  const { domains, diagnostics } = planHost(state, [aWish("web1", ["xvda1"], strategy === undefined ? {} : { strategy })], sha256);
  expect(domains).toEqual([]);
  return diagnostics.find(({ code }) => code === "no-strategy-fits")?.detail ?? "";
}

// a fixed VHD has its mark at the end, and a broken or unknown one may have none
describe.each(["qed", "vhd", "qcow2", "qcow"])("an image that its config calls %s, and whose head looks raw", (format) => {
  test.each(["auto", "dm", "md", "md-preseed", "drbd"] as const)("is not mirrored as raw blocks by %s", (strategy) => {
    expect(refused(saidToBe(format, { type: "unknown" }), strategy)).toMatch(new RegExp(`its config says that it is ${format}\\b`));
  });

  test("has no files that rsync could read, nor a swap area to make anew", () => {
    expect(refused(saidToBe(format, ext4("u", 64 * MIB)), "rsync")).toMatch(new RegExp(`rsync: its config says that it is ${format}\\b`));
    expect(refused(saidToBe(format, swap("u", 64 * MIB)), "auto")).toMatch(new RegExp(`its config says that it is ${format}\\b`));
  });
});

test("a qcow2 image whose data lies in another file is none that is moved, or gone back to: QEMU opens the file that it names", () => {
  // docs/interop/qcow2.txt: incompatible features at 72, of which bit 2 is an external data file; version 2 has no such field
  const head = new Uint8Array(8192);
  const view = new DataView(head.buffer);
  head.set(new TextEncoder().encode("QFI"));
  head[3] = 0xfb;
  view.setUint32(4, 3);
  view.setBigUint64(24, BigInt(64 * MIB));
  expect(recognise(head, MIB).disk).toEqual({ bytes: 64 * MIB, backed: false, encrypted: false });
  view.setUint32(76, 0b1001);
  expect(recognise(head, MIB).disk?.backed, "a dirty one, compressed by zstd").toBe(false);
  view.setUint32(76, 0b100);
  expect(recognise(head, MIB).disk?.backed).toBe(true);
  view.setUint32(4, 2);
  expect(recognise(head, MIB).disk?.backed).toBe(false);
});

test("QED is known by its head, with the size of the disk in it", () => {
  // docs/interop/qed_spec.txt
  const head = new Uint8Array(8192);
  const view = new DataView(head.buffer);
  head.set(new TextEncoder().encode("QED\0"));
  view.setUint32(4, 65536, true);
  view.setUint32(8, 4, true);
  view.setUint32(12, 1, true);
  view.setUint32(48, 64 * MIB, true);
  const content = { type: "unknown", hint: "qed image" };
  expect(recognise(head, MIB)).toEqual({ format: "qed", disk: { bytes: 64 * MIB, backed: false, encrypted: false }, content });
  view.setUint32(16, 1, true);
  expect(recognise(head, MIB).disk?.backed).toBe(true);
});

test.each([
  { what: "a journal elsewhere", more: { externalJournal: true as const }, why: /rsync: its journal is on another device/ },
  { what: "encrypted folders", more: { features: ["has_journal", "encrypt"] }, why: /rsync: it has encrypted folders/ },
  { what: "folders without case", more: { features: ["has_journal", "casefold"] }, why: /rsync: it has folders in which case does not count/ },
  { what: "sealed files", more: { features: ["has_journal", "verity"] }, why: /rsync: it has files that are sealed against changes/ },
  { what: "quotas of its own", more: { features: ["has_journal", "quota"] }, why: /rsync: it keeps quotas beside its files/ },
  { what: "projects", more: { features: ["has_journal", "project"] }, why: /rsync: it has a project for each file/ },
  { what: "multi-mount protection", more: { features: ["has_journal", "mmp"] }, why: /rsync: it has multi-mount protection/ },
])("files of an ext4 with $what are not read", ({ more, why }) => {
  const content = { ...ext4("u", 64 * MIB), ...more } as Content;
  expect(refused(aHost([{ name: "web1", disks: { xvda1: { content } } }]), "rsync")).toMatch(why);
});

test.each([
  { what: "a journal elsewhere", more: { externalJournal: true as const }, why: /rsync: its journal is on another device/ },
  { what: "a part for real time", more: { realtime: true as const }, why: /rsync: a part of it is on another device \(realtime\)/ },
  { what: "quotas", more: { quotas: true as const }, why: /rsync: it keeps quotas beside its files, whose limits do not come with them/ },
])("files of an xfs with $what are not read", ({ more, why }) => {
  const content = { ...xfs("u", 64 * MIB), ...more } as Content;
  expect(refused(aHost([{ name: "web1", disks: { xvda1: { content } } }]), "rsync")).toMatch(why);
});

describe("a disk that is by its end a part of the guest's own", () => {
  const hostWith = (content: Content, kind: "md" | "drbd"): HostState => {
    const state = withFullImages(aHost([{ name: "web1", disks: { xvda1: { content } } }]));
    const [path = "", image] = Object.entries(state.images)[0] ?? [];
    if (image === undefined) throw new Error("no image");
    return { ...state, images: { [path]: { ...image, ends: [{ kind, at: image.bytes - 4096 }] } } };
  };

  test.each([["md", /an array \(md\)/], ["drbd", /a DRBD resource/]] as const)("%s is not copied by its files, which would leave that behind", (kind, words) => {
    expect(refused(hostWith(ext4("u", 63 * MIB), kind), "rsync")).toMatch(new RegExp(`rsync: by its end it is a part of ${words.source}`));
  });

  test("array is not made anew where it is swap", () => {
    const { domains: [plan] } = planHost(hostWith(swap("u", 63 * MIB), "md"), [aWish("web1", ["xvda1"])], sha256);
    expect(plan?.choices.map(({ strategy }) => strategy)).toEqual(["dm"]);
    expect(refused(hostWith(swap("u", 63 * MIB), "md"), "rsync")).toMatch(/rsync/);
  });

  test("goes by blocks as ever, to a volume that ends where it does", () => {
    const { domains: [plan], diagnostics } = planHost(hostWith(ext4("u", 63 * MIB), "md"), [aWish("web1", ["xvda1"], { strategy: "dm", switch: "restart" })], sha256);
    expect(diagnostics.filter(({ code }) => code === "end-not-at-end")).toEqual([]);
    expect(plan?.choices.map(({ strategy }) => strategy)).toEqual(["dm"]);
  });
});
