// Package api embeds the machine-readable descriptions of matchwire's interfaces. OpenAPI describes
// the HTTP API. AsyncAPI describes the exchange, the queues and the event streams. JSON Schemas
// describe the events and frames.
package api

import "embed"

// Contracts contains openapi.json, asyncapi.yaml and the folder schemas.
//
//go:embed openapi.json asyncapi.yaml schemas
var Contracts embed.FS
