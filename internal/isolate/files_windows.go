package isolate

// closeOnExec does nothing: on Windows, a new process inherits only the files that matchwire passes to it explicitly.
func closeOnExec() {}
