package page

import "net/http"

// NewClientOver is like NewClient, but uses the given transport and network.
var NewClientOver = newClient

// SetTransport makes new fetchers of the client send their requests to rt, without robots.txt and
// without the wait for a slot at the host.
func (c *Client) SetTransport(rt http.RoundTripper) { c.transport = rt }
