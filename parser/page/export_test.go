package page

// NewClientOver is NewClient with a transport of the test's own.
var NewClientOver = newClient
