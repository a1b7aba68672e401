package api

import "embed"

// Contracts are asyncapi.yaml, which describes exchange, queues and sockets, and
// the JSON Schemas of what travels there, in the folder schemas.
//
//go:embed asyncapi.yaml schemas
var Contracts embed.FS
