package page

// NewClientOver is like NewClient, but uses the given transport.
var NewClientOver = newClient
