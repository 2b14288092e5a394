"""``python -m smtp_lab``: the command line where its program is not on the path."""

from smtp_lab.cli import main

if __name__ == "__main__":
    main(prog_name="python -m smtp_lab")
