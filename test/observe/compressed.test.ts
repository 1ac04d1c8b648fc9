import { expect, test } from "vitest";
import { observe } from "../../src/core/observe/observe.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aHost, aWish, ext4, GIB, sha256 } from "../support/a-host.js";
import { labReadings } from "./many-guests.js";

test.each([["ext4", undefined], ["btrfs", true], ["zfs", true]] as const)("images on %s may be compressed: %s", (type, compressed) => {
  const lab = labReadings();
  const mounts = lab.results["mounts"];
  if (mounts === undefined) throw new Error("no mounts");
  const stdout = mounts.stdout.replace(/^(.* \/srv\/xen .* - )\S+/m, `$1${type}`);
  const { value } = observe({ ...lab, results: { ...lab.results, mounts: { ...mounts, stdout } } });
  expect(value?.images["/srv/xen/web1/disk.img"]?.compressed).toBe(compressed);
});

test("what an image has allocated there is no bound of what it holds", () => {
  const host = aHost([{ name: "web1", running: false, disks: { xvda1: { bytes: 20 * GIB, content: ext4("u", 20 * GIB, 15 * GIB), elsewhere: true } } }]);
  const path = "/var/images/web1/xvda1.img";
  const image = host.images[path];
  if (image === undefined) throw new Error("no image");
  const codes = (more: { readonly compressed?: true }): readonly string[] => planHost(
    { ...host, images: { [path]: { ...image, allocatedBytes: 2 * GIB, ...more } } },
    [aWish("web1", ["xvda1"], { strategy: "rsync", offline: true }, { bytes: 4 * GIB })], sha256,
  ).diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code);
  expect(codes({})).toEqual([]);
  expect(codes({ compressed: true })).toEqual(["target-too-small"]);
});
