import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { RunEvent } from "../../src/core/model/run-event.js";
import type { StubHost } from "./host.js";

/** The journal, every line of it parsed: `seq` counts the lines, times are numbers, there is one end at most. */
export function journal(host: StubHost): readonly RunEvent[] {
  const events = host.journalText().split("\n").slice(0, -1).map((line) => JSON.parse(line) as RunEvent);
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
  for (const event of events) expect(event.at).toBeGreaterThan(1_600_000_000);
  expect(events.filter((event) => event.event === "end").length).toBeLessThanOrEqual(1);
  expect(host.journalText()).not.toContain("s3cret");
  return events;
}

/** What must hold after every run, however it ended: one guest, up, on the disk that its config names, no leftovers. */
export function expectWhole(host: StubHost, oldConfig: string): "old" | "new" {
  const note = `${host.root}: ${host.journalText()}`;
  const guests = host.guests();
  expect(guests.map((guest) => guest.state), note).toEqual(["-b----"]);
  const config = readFileSync(host.config, "utf8");
  const side = guests[0]?.disk === "/srv/disk.img" ? "old" : "new";
  if (side === "old") expect(config, note).toBe(oldConfig);
  else expect(config, note).toContain("/dev/vg0/web1-root");
  expect(host.leftovers(), note).toEqual([]);
  expect(host.ended(), note).toBeDefined();
  // it is up, and this was told
  const told = journal(host).filter(({ event }) => ["down", "ready", "back"].includes(event)).at(-1);
  expect(told?.event, note).not.toBe("down");
  return side;
}
