// The focus of the keyboard. A reader loses the place on the page if the element with the focus disappears.

// focusOn moves the focus to the first element that a selector selects, after the next rendering. It scrolls there
// unless the event of the action is a click of a pointer.
export function focusOn(selector, event) {
  requestAnimationFrame(() => document.querySelector(selector)?.focus({ preventScroll: event?.detail > 0 }));
}

// within returns a selector for an element in the card or the view of a match.
export const within = (id, selector) => `[data-match="${CSS.escape(id)}"] ${selector}`;
