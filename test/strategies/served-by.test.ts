import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { SERVED_BY_QEMU, formatTag, volumeTags } from "../../src/core/model/names.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import type { CreateVolume } from "../../src/core/steps/create-volume.js";
import { settleVolume } from "../../src/core/steps/settle-volume.js";
import type { SettleVolume } from "../../src/core/steps/settle-volume.js";
import { aHost, aVolume, aWish, MIB, sha256, swap, withFullImages } from "../support/a-host.js";
import { complaints, down, ended, guestOf, movedHost, plannedBack, restarted, VOLUME, volumeOf, withConfigText, withVolume } from "../support/a-return.js";

/** Who serves a guest's image: a move and its way back leave the config as it was. */

const DISKS = { xvda1: {}, xvda2: { content: swap("u", 64 * MIB) } };
const WAYS: readonly (readonly [string, MoveOptions])[] = [
  ["rsync", { strategy: "rsync" }], ["dm", { strategy: "dm", switch: "suspend" }], ["md", { strategy: "md", switch: "suspend", finish: "deferred" }],
  ["md-preseed", { strategy: "md-preseed", switch: "suspend", finish: "deferred" }], ["drbd", { strategy: "drbd", switch: "suspend", finish: "deferred" }],
];

describe.each([
  ["QEMU", true, [...WAYS, ["qemu", { strategy: "qemu" }]] as typeof WAYS], ["the kernel", false, WAYS],
] as const)("a guest whose raw images %s serves", (_, qdisk, ways) => {
  test.each(ways)("has them served so again when it is taken back after a move by %s", (__, move) => {
    const before = guestOf(aHost([{ name: "web1", qdisk, disks: DISKS }])).config;
    const state = movedHost(move, { qdisk, disks: { xvda1: { full: true }, xvda2: { ...DISKS.xvda2, full: true } } });
    expect(volumeOf(state).tags.includes(SERVED_BY_QEMU)).toBe(qdisk);
    expect(guestOf(state).config?.text.text, "on a volume QEMU is not needed").not.toContain("qdisk");
    const plan = plannedBack(restarted(state));
    expect(complaints(plan).filter((complaint) => complaint.startsWith("error"))).toEqual([]);
    const after = guestOf(ended(plan.domains[0]?.nodes ?? [], restarted(state)));
    expect(after.config?.sha256).toBe(before?.sha256);
    expect(after.running?.attached.map(({ backend }) => backend)).toEqual(qdisk ? ["qdisk", "qdisk"] : ["vbd", "vbd"]);
  });
});

test("a disk that QEMU serves as something else than its config says is not moved: nobody knows as what it would be gone back to", () => {
  const host = aHost([{ name: "web1", qdisk: true, disks: { xvda1: {} } }]);
  for (const [format, why] of [["qcow2", /QEMU serves it as raw, and its config says qcow2/], ["vhd", /QEMU serves it as raw, and its config says vhd/]] as const) {
    const state = withConfigText(host, (text) => text.replace("format=raw", `format=${format}`));
    const { domains, diagnostics } = planHost(state, [aWish("web1", ["xvda1"], { strategy: "qemu" })], sha256);
    expect(domains).toEqual([]);
    expect(diagnostics.find(({ code }) => code === "no-strategy-fits")?.detail).toMatch(why);
  }
});

describe("a disk that QEMU serves, and whose config somebody has rewritten since, so that it says 51713 for it", () => {
  const host = withConfigText(aHost([{ name: "web1", qdisk: true, disks: { xvda1: {} } }]), (text) => text.replace("vdev=xvda1", "vdev=51713"));
  const planned = (state: HostState) => planHost(state, [aWish("web1", ["51713"], { strategy: "qemu" }, { volume: VOLUME })], sha256);

  test("is moved by QEMU, which has it open by the other name, and nothing is left to do then", () => {
    const { domains: [plan], diagnostics } = planned(host);
    expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    const end = ended(plan?.nodes ?? [], host);
    expect(guestOf(end).running?.attached.map(({ open }) => open?.path)).toEqual([`/dev/${VOLUME}`]);
    expect(planned(end).domains).toEqual([]);
  });
});

test("a volume knows its disk by whatever name its guest's config has for it", () => {
  const moved = movedHost({}, { disks: { xvda1: { full: true } } });
  for (const vdev of ["d0p1", "51713"]) {
    const state = down(withConfigText(moved, (text) => text.replace(",xvda1,", `,${vdev},`)));
    expect(complaints(plannedBack(state)).filter((complaint) => complaint.startsWith("error")), vdev).toEqual([]);
    expect(plannedBack(state).domains.flatMap(({ changes }) => changes)).toMatchObject([{ change: "return-disk", vdev }]);
  }
});

describe("a copy that was begun", () => {
  const begunOn = (qdisk: boolean, marks: readonly string[]) => {
    const host = withFullImages(aHost([{ name: "web1", qdisk, disks: { xvda1: {} } }]));
    const tags = [...volumeTags("web1", "xvda1", "copy"), "converge.from=/srv/xen/web1/xvda1.img", ...marks];
    const state = withVolume(host, aVolume(VOLUME, 64 * MIB, { devno: "253:7", tags }));
    const { domains: [plan], diagnostics } = planHost(state, [aWish("web1", ["xvda1"], { strategy: "rsync" })], sha256);
    if (plan === undefined) throw new Error(diagnostics.map(({ summary }) => summary).join("\n"));
    return { steps: stepsOf(plan.nodes), end: ended(plan.nodes, state) };
  };

  test.each([
    { then: "it was another", marks: [formatTag("qcow2")], words: ["--deltag", "--addtag"] },
    { then: "nobody had said it", marks: [], words: ["--deltag", "--addtag"] },
    { then: "it was the same", marks: [formatTag("raw")], words: [] },
  ])("is marked by the format that the config gives its image when it is switched to: $then", ({ marks, words }) => {
    const { steps, end } = begunOn(false, marks);
    expect(volumeOf(end).tags.filter((tag) => tag.startsWith("converge.format="))).toEqual([formatTag("raw")]);
    const settle = steps.find(({ kind }) => kind === "settle-volume")?.args as SettleVolume;
    const run = settleVolume.actions(settle).flatMap((action) => ("command" in action ? action.command : []));
    expect(["qcow2", "raw"].flatMap((format) => run[run.indexOf(`converge.format=${format}`) - 1] ?? [])).toEqual(words);
  });

  test.each([
    { now: "QEMU serves it", qdisk: true, then: "and did not", marks: [], option: "--addtag" },
    { now: "QEMU serves it", qdisk: true, then: "and did", marks: [SERVED_BY_QEMU], option: undefined },
    { now: "the kernel serves it", qdisk: false, then: "and QEMU did", marks: [SERVED_BY_QEMU], option: "--deltag" },
  ])("is marked by how the image is served when it is switched to: $now, $then", ({ qdisk, marks, option }) => {
    const { steps, end } = begunOn(qdisk, marks);
    expect((steps.find(({ kind }) => kind === "create-volume")?.args as CreateVolume).tags, "it is no reason not to go on").not.toContain(SERVED_BY_QEMU);
    expect(volumeOf(end).tags.includes(SERVED_BY_QEMU)).toBe(qdisk);
    const settle = steps.find(({ kind }) => kind === "settle-volume")?.args as SettleVolume;
    const words = settleVolume.actions(settle).flatMap((action) => ("command" in action ? action.command : []));
    expect(words[words.indexOf(SERVED_BY_QEMU) - 1], "what is run does what the model says").toBe(option);
  });
});
