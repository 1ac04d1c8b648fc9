import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Content, ExtContent, XfsContent } from "../../src/core/model/storage.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { makeFilesystem } from "../../src/core/steps/make-filesystem.js";
import type { MakeFilesystem } from "../../src/core/steps/make-filesystem.js";
import { aHost, aWish, ext4, GIB, sha256, withFullImages, xfs } from "../support/a-host.js";

/** A file system is made like the image's by what the host has for it: tools of Debian 11 to 13, and of what comes after. */

/** As the head of one of xfsprogs 6.1 is read. */
const DEBIAN_12 = { "m.crc": 1, "m.finobt": 1, "m.rmapbt": 0, "m.reflink": 1, "m.inobtcount": 1, "m.bigtime": 1, "i.sparse": 1, "i.nrext64": 0, "i.size": 512, "n.ftype": 1, "n.size": 4096, "s.size": 512 };

const xfsWith = (features: Readonly<Record<string, number>>): Content => ({ ...(xfs("xfs-1", GIB) as XfsContent), features: { ...DEBIAN_12, ...features } });
const ext4With = (...more: readonly string[]): Content => {
  const content = ext4("uuid-1", GIB) as ExtContent;
  return { ...content, features: [...content.features, ...more] };
};

function hostWith(content: Content, tool: string, version: string | undefined): HostState {
  const state = withFullImages(aHost([{ name: "web1", disks: { xvda1: { content, bytes: GIB } } }]));
  return { ...state, tools: { ...state.tools, [tool]: { present: true, ...(version === undefined ? {} : { version }) } } };
}

function made(state: HostState): readonly string[] | undefined {
  const { domains: [plan] } = planHost(state, [aWish("web1", ["xvda1"], { strategy: "rsync" })], sha256);
  const step = stepsOf(plan?.nodes ?? []).find(({ kind }) => kind === "make-filesystem");
  const [action] = step === undefined ? [] : makeFilesystem.actions(step.args as MakeFilesystem);
  return action !== undefined && "command" in action ? action.command : undefined;
}

function refused(state: HostState): string {
  const { domains, diagnostics } = planHost(state, [aWish("web1", ["xvda1"], { strategy: "rsync" })], sha256);
  expect(domains).toEqual([]);
  return diagnostics.find(({ code }) => code === "no-strategy-fits")?.detail ?? "";
}

describe("an xfs", () => {
  test.each([
    ["5.6.0", ["-m", "crc=1,finobt=1,reflink=1,rmapbt=0,uuid=xfs-1"], { "m.inobtcount": 0, "m.bigtime": 0 }],
    ["5.10.0", ["-m", "bigtime=1,crc=1,finobt=1,inobtcount=1,reflink=1,rmapbt=0,uuid=xfs-1"], {}],
  ] as const)("is made without options that mkfs.xfs %s does not know, which would end it", (version, metadata, features) => {
    const command = made(hostWith(xfsWith(features), "mkfs.xfs", version));
    expect(command).toEqual(expect.arrayContaining([...metadata]));
    expect(command).toEqual(expect.arrayContaining(["-i", "size=512,sparse=1"]));
    expect(command).toEqual(expect.arrayContaining(["-n", "ftype=1,size=4096"]));
  });

  test("is made as it always was by one of between", () => {
    expect(made(hostWith(xfsWith({}), "mkfs.xfs", "6.1.0"))).toEqual(expect.arrayContaining(["-i", "nrext64=0,size=512,sparse=1", "-n", "ftype=1,size=4096"]));
  });

  test("gets nothing from a newer mkfs.xfs that the guest's own kernel may not know", () => {
    expect(made(hostWith(xfsWith({}), "mkfs.xfs", "6.18.0"))).toEqual(
      expect.arrayContaining(["-i", "exchange=0,nrext64=0,size=512,sparse=1", "-n", "ftype=1,parent=0,size=4096"]));
    expect(made(hostWith(xfsWith({ "i.exchange": 1, "n.parent": 1 }), "mkfs.xfs", "6.18.0"))).toEqual(
      expect.arrayContaining(["-i", "exchange=1,nrext64=0,size=512,sparse=1", "-n", "ftype=1,parent=1,size=4096"]));
  });

  test("without checksums is not asked about what needs them", () => {
    expect(made(hostWith(xfsWith({ "m.crc": 0, "m.finobt": 0, "m.reflink": 0, "m.bigtime": 0, "m.inobtcount": 0, "i.sparse": 0 }), "mkfs.xfs", "6.18.0")))
      .toEqual(expect.arrayContaining(["-i", "nrext64=0,size=512,sparse=0", "-n", "ftype=1,size=4096"]));
  });

  test("with more than the host's mkfs.xfs knows does not go by files", () => {
    expect(refused(hostWith(xfsWith({ "i.nrext64": 1 }), "mkfs.xfs", "5.10.0"))).toMatch(/rsync: the host's mkfs\.xfs \(5\.10\.0\) does not know nrext64, which it has/);
    expect(refused(hostWith(xfsWith({ "i.nrext64": 1, "i.exchange": 1, "n.parent": 1 }), "mkfs.xfs", "6.1.0"))).toMatch(/does not know exchange and parent, which it has/);
  });
});

describe("an ext4", () => {
  test.each([["1.46.2", "orphan_file"], ["1.45.6", "fast_commit"]])("with more than the host's mke2fs (%s) knows does not go by files", (version, feature) => {
    expect(refused(hostWith(ext4With(feature), "mke2fs", version))).toContain(`rsync: the host's mke2fs (${version}) does not know ${feature}, which it has`);
  });

  test("as Debian 12 makes it is made by Debian 12's", () => {
    expect(made(hostWith(ext4With("orphan_file"), "mke2fs", "1.47.0"))).toContain("none,has_journal,ext_attr,extent,64bit,metadata_csum,orphan_file");
  });

  test("with a feature that nobody has a name for does not go by files", () => {
    expect(refused(hostWith(ext4With("FEATURE_C17"), "mke2fs", "1.47.0"))).toMatch(/rsync: it has features that mke2fs has no names for \(FEATURE_C17\)/);
  });
});
