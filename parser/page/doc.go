// Package page fetches pages. A [Client] says who it is, obeys robots.txt, spaces its requests to a
// host, asks only for what has changed and reaches no private address unless it is told to.
package page
