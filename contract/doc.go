// Package contract tests the product against independent implementations of what it speaks: an
// OpenAPI validator, the CloudEvents SDK, another WebSocket client, and the loader of Docker
// Compose. It is a module of its own, so that the product's go.mod does not name them.
package contract
