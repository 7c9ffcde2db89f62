"""Results taken away: files for spreadsheets and programs, tables of a database."""
