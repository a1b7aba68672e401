package page

// NewClientOver is NewClient with a transport that the test provides.
var NewClientOver = newClient
