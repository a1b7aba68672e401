package page

// NewClientOver is like NewClient, but uses the given transport and network.
var NewClientOver = newClient
