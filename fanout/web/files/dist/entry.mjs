import { h } from "preact";
import htm from "htm";
export { h, render, Fragment, options } from "preact";
export { useEffect, useLayoutEffect, useMemo, useRef, useState, useId } from "preact/hooks";
export { signal, computed, effect, batch, useSignal, useComputed, useSignalEffect, untracked } from "@preact/signals";
export const html = htm.bind(h);
