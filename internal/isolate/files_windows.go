package isolate

// closeOnExec does nothing: on Windows, a program inherits only the files that the call lists.
func closeOnExec() {}
