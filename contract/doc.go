// Package contract tests the program against independent implementations of its formats and
// protocols: an OpenAPI validator, the CloudEvents SDK, a different WebSocket client, and the loader
// of Docker Compose. It is a separate module, so that the program's go.mod does not list these
// dependencies.
//
// Most tests of package httpapi are in this package, because they check each request and response
// against the OpenAPI document.
package contract
