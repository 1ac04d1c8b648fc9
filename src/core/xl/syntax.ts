import type { SourceText } from "../model/source.js";
import type { XlToken } from "./lex.js";

/** The syntax tree of an xl config. Offsets are UTF-16 offsets of the source's text, half-open. */

export interface XlString {
  readonly kind: "string";
  readonly start: number;
  readonly end: number;
  readonly quote: "'" | '"';
  /** With the escapes resolved. */
  readonly value: string;
}

/** Digits as written: xl keeps a number as text until somebody asks for a number. */
export interface XlNumber {
  readonly kind: "number";
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

export interface XlList {
  readonly kind: "list";
  readonly start: number;
  readonly end: number;
  readonly items: readonly XlValue[];
}

export type XlValue = XlString | XlNumber | XlList;

export interface XlStatement {
  readonly key: string;
  readonly operator: "=" | "+=";
  readonly value: XlValue;
  /** Of the key; the statement ends where its value ends. */
  readonly start: number;
  readonly keyEnd: number;
}

export interface XlConfig {
  readonly source: SourceText;
  /** Every character of the text, in order. */
  readonly tokens: readonly XlToken[];
  readonly statements: readonly XlStatement[];
}
