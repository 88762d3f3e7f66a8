"""A program in a terminal of its own: `terminal.py COLUMNS ROWS PROGRAM ...`. What it shows comes on standard output; a
line on standard input is JSON: a text to type, or [COLUMNS, ROWS], the terminal's new size. Ends with its exit code."""
import fcntl, json, os, pty, select, struct, sys, termios

columns, rows = int(sys.argv[1]), int(sys.argv[2])


def resize(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


child, terminal = pty.fork()
if child == 0:
    resize(0, columns, rows)
    os.execvp(sys.argv[3], sys.argv[3:])

told = b""
watched = [terminal, 0]
while True:
    ready, _, _ = select.select(watched, [], [])
    if 0 in ready:
        octets = os.read(0, 65536)
        if not octets:
            watched = [terminal]
        told += octets
        while b"\n" in told:
            line, told = told.split(b"\n", 1)
            order = json.loads(line)
            if isinstance(order, str):
                os.write(terminal, order.encode())
            else:
                resize(terminal, *order)
    if terminal in ready:
        try:
            shown = os.read(terminal, 65536)
        except OSError:
            break
        if not shown:
            break
        os.write(1, shown)

_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
