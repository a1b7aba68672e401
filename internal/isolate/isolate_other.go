//go:build !linux

package isolate

func process() error {
	closeOnExec()
	return nil
}
