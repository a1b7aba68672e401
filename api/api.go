// Package api holds the contracts of matchwire as documents, for tools and for other languages:
// the HTTP API as OpenAPI, exchange, queues and sockets as AsyncAPI, and the JSON Schemas of what
// travels there.
package api

import "embed"

// Contracts holds openapi.json, asyncapi.yaml and the folder schemas.
//
//go:embed openapi.json asyncapi.yaml schemas
var Contracts embed.FS
