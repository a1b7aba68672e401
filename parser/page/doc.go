// Package page fetches pages. A [Client] identifies itself, obeys robots.txt, spaces its requests
// to each host, and sends conditional requests. It does not connect to private addresses unless
// [Options] allow it.
package page
