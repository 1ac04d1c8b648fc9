import type { Forecast } from "../model/plan.js";
import type { GuestForecast } from "../plan/estimate.js";
import type { DiskMove, Fit, Strategy, SwitchOver } from "./strategy.js";

/** What could carry a disk, and whether it fits it. */
export interface Candidate {
  readonly strategy: Strategy;
  readonly fit: Fit;
}

/** One way for all disks of a guest, and what it would cost. */
export interface Way {
  readonly switchOver: SwitchOver;
  readonly disks: readonly (Candidate & { readonly move: DiskMove })[];
  readonly forecast: GuestForecast;
  /** What has to be otherwise for it first. */
  readonly lacks: readonly Held[];
  /** The guest would be down for longer than it may. */
  readonly overBudget: boolean;
  /** It is there for where nothing else is left, and nobody has named it. */
  readonly last: boolean;
  /** What would come out otherwise than asked for. */
  readonly but: readonly Held[];
}

/** What is held against a way, of one disk or (unset) of the guest. */
export interface Held {
  readonly vdev?: string;
  readonly reason: string;
}

/** Each disk with what could carry it, by one switch-over. */
export interface Looked {
  readonly switchOver: SwitchOver;
  readonly disks: readonly { readonly move: DiskMove; readonly candidates: readonly Candidate[] }[];
}

export interface Seen extends Candidate {
  readonly switchOver: SwitchOver;
}

/** All that was looked at for one disk. */
export function seenOf(looked: readonly Looked[], at: number): readonly Seen[] {
  return looked.flatMap(({ switchOver, disks }) => (disks[at]?.candidates ?? []).map((candidate) => ({ ...candidate, switchOver })));
}

/** Whether the disk can go by the strategy where the guest's disks go that way. */
export function goes(strategy: Strategy, way: string | undefined, move: DiskMove): boolean {
  return strategy.way === undefined ? (strategy.goesWith?.(way, move) ?? true) : strategy.way === way;
}

/** In words beside one disk: what is held against it there; where that is nothing, whose it is that is. */
export function inWords(held: readonly Held[], disk: string): string {
  const here = held.filter(({ vdev }) => vdev === undefined || vdev === disk).map(({ reason }) => reason);
  return [...new Set(here.length > 0 ? here : held.map(({ vdev = "", reason }) => `${vdev}: ${reason}`))].join("; ");
}

/** The switch-over has a part in it only where the guest is taken over at all. */
export function switchOf({ switchOver, forecast }: Way): { readonly switch?: string } {
  return forecast.disks.some((disk) => disk.takeOvers > 0) ? { switch: switchOver } : {};
}

/** What the disk at that place of the guest's would cost by it. */
export function forecastOf({ forecast }: Way, at: number): Forecast {
  return {
    copyBytes: forecast.disks[at]?.copyBytes ?? 0, seconds: forecast.seconds, downtimeSeconds: forecast.downtimeSeconds,
  };
}
