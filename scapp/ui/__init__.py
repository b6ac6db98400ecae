"""The only part that knows Streamlit, besides app.py and the pages."""
