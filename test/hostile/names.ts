import { readFileSync } from "node:fs";

/** Names that guests, volumes, files, hosts and variables may have, and that hurt somewhere. */
export const NAMES = JSON.parse(readFileSync(new URL("names.json", import.meta.url), "utf8")) as readonly { readonly why: string; readonly name: string }[];

/** Characters that steer a terminal or turn what is read; a newline is layout. */
// eslint-disable-next-line no-control-regex -- they are what it looks for
export const STEERING = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
