// Package page fetches pages. A [Client] identifies itself, obeys robots.txt, spaces its requests
// to each host, and sends conditional requests. It does not connect to private addresses unless the
// [Options] or the [Request] allows it.
package page
