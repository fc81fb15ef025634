"""gunicorn's settings file for targets: what has no place on a command line that older versions must understand.

Without a file of ours gunicorn reads ``gunicorn.conf.py`` from the working directory, and a setting in there (say
``threads``, which silently turns sync workers into threaded ones) would change what is measured under the setup's name.
"""

# Since 25.1 each master opens a socket in the user's home; versions that do not know the setting pass over it.
control_socket_disable = True
