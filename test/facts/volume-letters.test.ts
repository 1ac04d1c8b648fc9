import { expect, test } from "vitest";
import { fact as groups } from "../../src/core/facts/volume-groups.js";
import { fact as volumes } from "../../src/core/facts/volumes.js";

/** Letters of vgs(8) and lvs(8) that no recording here has. */

const result = (section: string, rows: readonly Readonly<Record<string, string>>[]) =>
  ({ exitCode: 0, stderr: "", stdout: JSON.stringify({ report: [{ [section]: rows }] }) });

const group = (attr: string, uuid = "u1") => ({
  vg_name: "vg0", vg_uuid: uuid, vg_attr: attr, vg_extent_size: "4194304", vg_extent_count: "98", vg_free_count: "53", vg_missing_pv_count: "0",
});

test.each([
  ["wz--n-", undefined], ["rz--n-", ["read-only"]], ["wzx-n-", ["exported"]], ["wz--nc", ["clustered"]], ["wz--ns", ["shared"]], ["rzx-n-", ["read-only", "exported"]],
])("a group with %s is unfit: %j", (attr, unfit) => {
  expect(groups.parse(result("vg", [group(attr)])).value?.[0]?.unfit).toEqual(unfit);
});

test.each([
  ["2026-11-29 17:45:03 +0000", 1_795_974_303], ["2026-11-29 18:45:03 +0100", 1_795_974_303], ["Sun Nov 29 17:45:03 2026", undefined], ["2026-13-29 17:45:03 +0000", undefined],
])("a volume made at %s: %s", (time, seconds) => {
  const row = { vg_name: "vg0", lv_name: "root", lv_uuid: "u", lv_attr: "-wi-a-----", lv_size: "4194304", lv_layout: "linear", lv_role: "public", lv_time: time };
  expect(volumes.parse(result("lv", [row])).value?.volumes[0]?.createdAt).toBe(seconds);
});

test("two groups of one name are both unfit", () => {
  const { value } = groups.parse(result("vg", [group("wz--n-", "u1"), group("wz--n-", "u2")]));
  expect(value?.map(({ unfit }) => unfit)).toEqual([["of-one-name"], ["of-one-name"]]);
});

test.each([
  ["twi-aotz--", undefined], ["twi-aotzF-", "it has failed"], ["twi-aotzD-", "it is out of data space"], ["twi-aotzM-", "its metadata is read-only"], ["twi-cotz--", "it wants a check"],
])("a pool with %s is: %s", (attr, health) => {
  const row = { vg_name: "vg0", lv_name: "pool", lv_uuid: "u", lv_attr: attr, lv_size: "4194304", lv_layout: "thin,pool", lv_role: "private" };
  expect(volumes.parse(result("lv", [row])).value?.volumes[0]?.health).toBe(health);
});
