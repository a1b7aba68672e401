// Package contract tests the program against independent implementations of what it speaks: an
// OpenAPI validator, the CloudEvents SDK, another WebSocket client, and the loader of Docker
// Compose. It is a module of its own, so that the program's go.mod does not list them.
//
// The tests of package httpapi are here, because they check each call and each answer against the
// OpenAPI document.
package contract
