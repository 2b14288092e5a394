"""How a person does all this in a notebook. Thin: a button is one call a script can make too."""

from smtp_lab.widgets.batch_panel import BatchPanel
from smtp_lab.widgets.compose_panel import ComposePanel
from smtp_lab.widgets.inbox_panel import InboxPanel
from smtp_lab.widgets.panels import App, app
from smtp_lab.widgets.profile_form import ProfileForm
from smtp_lab.widgets.profiles_panel import ProfilesPanel
from smtp_lab.widgets.secret_box import SecretBox
from smtp_lab.widgets.send_test_panel import SendTestPanel
from smtp_lab.widgets.sink_panel import SinkPanel

__all__ = (
    "App",
    "BatchPanel",
    "ComposePanel",
    "InboxPanel",
    "ProfileForm",
    "ProfilesPanel",
    "SecretBox",
    "SendTestPanel",
    "SinkPanel",
    "app",
)
