package isolate

// closeOnExec does nothing: on Windows, a program inherits only the files that the call to start it lists.
func closeOnExec() {}
