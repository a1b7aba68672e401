// Package page fetches pages. A [Client] identifies itself, obeys robots.txt, spaces its requests
// to each host, and asks for a page only if it has changed. It does not connect to private
// addresses unless [Options] allow it.
package page
